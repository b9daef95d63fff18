/**
 * The pages for people in Chromium: make a key on the console, call with it from Swagger UI, revoke it, see the 401 and
 * its reason (ARROW-6, ARROW-8, ARROW-10). Run: `npm ci && npm test` here, after `cargo build -p bitting-cli`. Without
 * a Chromium (`CHROMIUM`, by default /usr/bin/chromium) it says that it is skipped.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';

const root = join(import.meta.dirname, '..', '..', '..');
const chromium = process.env.CHROMIUM ?? '/usr/bin/chromium';
const command = process.env.BITTING_BIN ?? join(process.env.CARGO_TARGET_DIR ?? join(root, 'target'), 'debug', 'bitting');
const skip = existsSync(chromium) ? false : `${chromium} is not there; name a Chromium by CHROMIUM`;
/** Where pictures of the pages go, if anywhere. */
const pictures = process.env.PICTURES;
const quiet = ['disable-gpu', 'disable-quic', 'no-first-run', 'disable-background-networking', 'disable-component-update', 'disable-sync'];

async function serve(t, name) {
  const child = spawn(command, ['serve', join(root, 'spec', 'openapi', `${name}.yaml`)], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill());
  return JSON.parse(await new Promise((resolve) => createInterface(child.stdout).once('line', resolve)));
}

async function open(t, options = {}) {
  const { chromium: playwright } = await import('playwright-core');
  const browser = await playwright.launch({ executablePath: chromium, args: ['--no-sandbox', ...quiet.map((flag) => `--${flag}`)] });
  t.after(() => browser.close());
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const strangers = [];
  page.on('request', (request) => { if (!/^(http:\/\/127\.0\.0\.1:|data:|blob:)/.test(request.url())) strangers.push(request.url()); });
  page.on('pageerror', (error) => strangers.push(String(error)));
  page.on('console', (message) => { if (message.type() === 'error' && !/401/.test(message.text())) strangers.push(message.text()); });
  t.after(() => assert.deepEqual(strangers, [], 'no call elsewhere and no error'));
  return page;
}

async function picture(page, name) {
  if (!pictures) return;
  mkdirSync(pictures, { recursive: true });
  await page.screenshot({ path: join(pictures, `${name}.png`), fullPage: true });
}

/** Calls an operation in Swagger UI with what is authorized, and gives the status. */
async function tryOut(docs, operation) {
  const box = docs.locator(`[id$="-${operation}"]`);
  if (!(await box.locator('.execute-wrapper, .try-out').first().isVisible().catch(() => false))) await box.locator('.opblock-summary-control').click();
  const button = box.getByRole('button', { name: 'Try it out' });
  if (await button.isVisible()) await button.click();
  const answered = docs.waitForResponse((response) => /\/api\/v1\/devices(\?|$)/.test(response.url()));
  await box.getByRole('button', { name: 'Execute' }).click();
  return answered;
}

test('a key is made, called with, revoked and refused', { skip }, async (t) => {
  const ready = await serve(t, 'arrow');
  const page = await open(t, { viewport: { width: 1280, height: 900 } });
  await page.goto(ready.console_url);
  await page.getByRole('heading', { name: 'Arrow API' }).waitFor();
  assert.equal(new URL(page.url()).hash, '', 'the token does not stay in the address');
  await page.getByRole('button', { name: 'New key' }).click();
  await page.getByLabel('Name', { exact: true }).fill('Browser test');
  await page.getByRole('checkbox', { name: 'devices:read' }).check();
  assert.deepEqual(await page.getByLabel('Expires in').locator('option').allTextContents(), ['30 days', '90 days', '180 days', '1 year', '7 days']);
  await page.getByLabel('Expires in').selectOption('7 days');
  await picture(page, 'console-form');
  await page.getByRole('button', { name: 'Create key' }).click();
  const secret = await page.locator('#secret').textContent();
  assert.match(secret, /^arrow_test_[0-9a-f]{32}$/);
  await picture(page, 'console-secret');
  await page.getByRole('button', { name: 'Done' }).click();
  const row = page.locator('#keys tr', { hasText: 'Browser test' });
  assert.match(await row.locator('.badge').textContent(), /^Ends in 7 days$/);
  assert.ok(!(await page.content()).includes(secret), 'the secret is shown once');

  const docs = await page.context().newPage();
  await docs.goto(ready.docs_url);
  await docs.getByRole('button', { name: 'Authorize' }).click();
  await docs.locator('.auth-container input').fill(secret);
  await docs.locator('.auth-container').getByRole('button', { name: /apply credentials|authorize/i }).click();
  await docs.locator('.modal-ux').getByRole('button', { name: 'Close' }).last().click();
  const first = await tryOut(docs, 'listDevices');
  assert.equal(first.status(), 200);
  assert.ok(first.url().startsWith(ready.base_url), first.url());
  await picture(docs, 'docs');

  await row.getByRole('button', { name: 'Revoke' }).click();
  await row.getByText('Revoked').waitFor();
  assert.equal((await tryOut(docs, 'listDevices')).status(), 401);
  const refused = page.locator('#journal tr', { hasText: '401' }).first();
  await refused.waitFor();
  assert.match(await refused.textContent(), /listDevices.*revoked/);
  await picture(page, 'console');
  await page.getByRole('checkbox', { name: /M01/ }).check();
  await page.locator('#defect-count', { hasText: '1 on' }).waitFor();
  const open401 = await fetch(`${ready.base_url}/api/v1/devices`);
  assert.equal(open401.status, 200, 'the defect is on');
});

for (const [name, colorScheme, width] of [['light', 'light', 1280], ['dark', 'dark', 1280], ['phone', 'light', 390]]) {
  test(`the console fits: ${name}`, { skip }, async (t) => {
    const ready = await serve(t, 'roboticks');
    const page = await open(t, { viewport: { width, height: 844 }, colorScheme });
    await fetch(`${ready.base_url}/api/v1/organizations/acme/devices`);
    await page.goto(ready.console_url);
    await page.locator('#journal tr').first().waitFor();
    await picture(page, `console-${name}`);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.ok(wide <= 0, `${wide} px too wide`);
    await page.getByRole('button', { name: '+14 days' }).click();
    await page.getByRole('button', { name: 'New key' }).click();
    await picture(page, `console-${name}-form`);
    const formWide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.ok(formWide <= 0, `${formWide} px too wide`);
  });
}
