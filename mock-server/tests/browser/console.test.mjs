/**
 * The pages for people in Chromium: make a key on the console, call with it from Swagger UI, revoke it, see the 401 and
 * its reason (ARROW-6, ARROW-8, ARROW-10); consent on the page of the authorization endpoint (ARROTECH-3). Run: `npm ci && npm test` here, after `cargo build -p bitting-cli`. Without
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

async function serve(t, name, ...more) {
  const child = spawn(command, ['serve', join(root, 'spec', 'openapi', `${name}.yaml`), ...more], { stdio: ['ignore', 'pipe', 'inherit'] });
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
async function tryOut(docs, operation, address = /\/api\/v1\/devices(\?|$)/) {
  const box = docs.locator(`[id$="-${operation}"]`);
  if (!(await box.locator('.execute-wrapper, .try-out').first().isVisible().catch(() => false))) await box.locator('.opblock-summary-control').click();
  const [begin, execute] = ['Try it out', 'Execute'].map((name) => box.getByRole('button', { name }));
  // It unfolds in its own time.
  await begin.or(execute).first().waitFor();
  if (await begin.isVisible()) await begin.click();
  await execute.waitFor();
  const [answered] = await Promise.all([docs.waitForResponse((response) => address.test(response.url())), execute.click()]);
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
  await page.getByRole('dialog', { name: 'Copy the key now' }).waitFor();
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
  const cut = await page.locator('.scroll').evaluateAll((all) => all.filter((each) => each.scrollWidth > each.clientWidth).map((each) => each.getAttribute('aria-labelledby')));
  assert.deepEqual(cut, [], 'no table is wider than its card');
  await page.getByRole('checkbox', { name: /M01/ }).check();
  await page.locator('#defect-count', { hasText: '1 on' }).waitFor();
  const open401 = await fetch(`${ready.base_url}/api/v1/devices`);
  assert.equal(open401.status, 200, 'the defect is on');
});

test('clock and faults are switched, and what follows is seen', { skip }, async (t) => {
  const ready = await serve(t, 'roboticks', '--same-port');
  assert.equal(ready.control_url, `${ready.base_url}/__bitting`, 'the console works on the one port too');
  const page = await open(t, { viewport: { width: 1280, height: 900 } });
  await page.goto(ready.console_url);
  await page.getByRole('heading', { name: 'Roboticks API' }).waitFor();
  const login = () => fetch(`${ready.base_url}/api/v1/auth/login`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"email": "ada@acme.example", "password": "correct-horse-0"}' });
  const { access_token: token } = await (await login()).json();
  const devices = async () => (await fetch(`${ready.base_url}/api/v1/organizations/acme/devices`, { headers: { authorization: `Bearer ${token}` } })).status;
  assert.equal(await devices(), 200);
  await page.getByRole('button', { name: 'Freeze' }).click();
  await page.locator('#mode', { hasText: 'frozen' }).waitFor();
  const shown = await page.locator('#now').textContent();
  await page.getByRole('button', { name: '+1 hour' }).click();
  await page.waitForFunction((before) => document.getElementById('now').textContent !== before, shown);
  assert.equal(Date.parse(`${await page.locator('#now').textContent()}Z`) - Date.parse(`${shown}Z`), 3_600_000);
  assert.equal(await devices(), 401, 'the token of an hour has expired');
  await page.locator('#journal tr', { hasText: 'expired' }).first().waitFor();
  await page.getByRole('button', { name: 'Real time' }).click();
  await page.locator('#mode', { hasText: 'real' }).waitFor();
  await page.getByLabel('What happens').selectOption({ label: '503, Retry-After 1 s' });
  await page.locator('#fault-form [name=operation]').selectOption('listOrganizationDevices');
  await page.getByRole('button', { name: 'Add fault' }).click();
  await page.locator('#faults li', { hasText: 'listOrganizationDevices · acted 0 of 1' }).waitFor();
  assert.deepEqual([await devices(), await devices()], [503, 200], 'the next request only');
  await page.locator('#journal tr', { hasText: '503' }).first().waitFor();
  await page.getByLabel('How often').selectOption({ label: 'Until cleared' });
  await page.getByRole('button', { name: 'Add fault' }).click();
  await page.locator('#faults li').nth(1).waitFor();
  assert.equal(await devices(), 503);
  await page.getByRole('button', { name: 'Clear' }).click();
  await page.locator('#faults li').first().waitFor({ state: 'detached' });
  assert.equal(await devices(), 200);
});

test('a user consents in Swagger UI, and the app calls', { skip }, async (t) => {
  const ready = await serve(t, 'arrotech');
  const docs = await open(t, { viewport: { width: 1280, height: 900 } });
  await docs.goto(ready.docs_url);
  await docs.getByRole('button', { name: 'Authorize', exact: true }).click();
  const flow = docs.locator('.auth-container', { hasText: 'authorizationCode' }).last();
  await flow.getByLabel('client_id:').fill('client-acme');
  await flow.getByLabel('client_secret:').fill('client-secret-test-acme-0');
  await flow.getByText('select all').click();
  const [consent] = await Promise.all([docs.waitForEvent('popup'), flow.getByText('Authorize', { exact: true }).click()]);
  await consent.getByRole('heading', { name: 'Authorize client-acme' }).waitFor();
  assert.match(consent.url(), /code_challenge=.*code_challenge_method=S256|code_challenge_method=S256.*code_challenge=/);
  await picture(consent, 'consent');
  await consent.getByLabel('Email').fill('ada@acme.example');
  await consent.getByLabel('Password').fill('wrong');
  await consent.getByRole('button', { name: 'Allow' }).click();
  await consent.getByRole('alert').waitFor();
  await consent.getByLabel('Email').fill('ada@acme.example');
  await consent.getByLabel('Password').fill('correct-horse-0');
  const closed = consent.waitForEvent('close');
  await consent.getByRole('button', { name: 'Allow' }).click();
  await closed;
  await flow.getByText('Logout').waitFor();
  await docs.locator('.modal-ux').getByRole('button', { name: 'Close' }).last().click();
  assert.equal((await tryOut(docs, 'listProviders', /\/chat\/providers/)).status(), 200);
});

test('a key is made with the keyboard alone', { skip }, async (t) => {
  const ready = await serve(t, 'arrow');
  const page = await open(t, { viewport: { width: 1280, height: 900 } });
  await page.goto(ready.console_url);
  await page.getByRole('heading', { name: 'Arrow API' }).waitFor();
  /** Goes on by Tab until `name` has the focus, which must then be seen. */
  const reach = async (name) => {
    for (let step = 0; step < 60; step += 1) {
      await page.keyboard.press('Tab');
      const [text, outline] = await page.evaluate(() => {
        const at = document.activeElement;
        return [(at.getAttribute('aria-label') ?? at.labels?.[0]?.textContent ?? at.textContent).trim(), getComputedStyle(at).outlineStyle];
      });
      if (text.startsWith(name)) return assert.notEqual(outline, 'none', `${name} shows that it has the focus`);
    }
    assert.fail(`${name} cannot be reached`);
  };
  await reach('New key');
  await page.keyboard.press('Enter');
  await page.keyboard.type('By keyboard');
  await reach('devices:read');
  await page.keyboard.press('Space');
  await reach('Create key');
  await page.keyboard.press('Enter');
  await page.getByRole('dialog', { name: 'Copy the key now' }).waitFor();
  await page.keyboard.press('Escape');
  await page.locator('#keys tr', { hasText: 'By keyboard' }).waitFor();
  // The secret goes with the dialog, whose close event is a task of its own (HTML, 4.11.4).
  await page.waitForFunction(() => document.getElementById('secret').textContent === '');
  await reach('Revoke By keyboard');
  await page.keyboard.press('Enter');
  await page.locator('#keys tr', { hasText: 'Revoked' }).waitFor();
});

/** The texts whose contrast with what is behind them is below 4.5 (WCAG 2.2, 1.4.3). */
const faint = () => {
  const channels = (color) => color.match(/[\d.]+/g).map(Number);
  const luminance = ([red, green, blue]) => {
    const [r, g, b] = [red, green, blue].map((part) => part / 255).map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const color = channels(getComputedStyle(at).backgroundColor);
      if ((color[3] ?? 1) === 1) return color;
    }
    return [255, 255, 255];
  };
  const texts = [...document.querySelectorAll('body *')].filter((node) => node.checkVisibility() && !node.closest(':disabled, .off, option') && [...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim()));
  const contrast = (node) => {
    const [light, dark] = [channels(getComputedStyle(node).color), behind(node)].map(luminance).sort((a, b) => b - a);
    return (light + 0.05) / (dark + 0.05);
  };
  return texts.filter((node) => contrast(node) < 4.5).map((node) => `${node.textContent.trim().slice(0, 30)}: ${contrast(node).toFixed(2)}`);
};

for (const [name, colorScheme, width] of [['light', 'light', 1280], ['dark', 'dark', 1280], ['phone', 'light', 390], ['dark phone', 'dark', 390]]) {
  test(`the console fits: ${name}`, { skip }, async (t) => {
    const ready = await serve(t, 'roboticks');
    const page = await open(t, { viewport: { width, height: 844 }, colorScheme });
    await fetch(`${ready.base_url}/api/v1/organizations/acme/devices`);
    await page.goto(ready.console_url);
    await page.locator('#journal tr').first().waitFor();
    await picture(page, `console-${name}`);
    const tooWide = () => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.ok((await tooWide()) <= 0);
    await page.getByText('Keys, passwords and OAuth clients').click();
    assert.deepEqual(await page.evaluate(faint), []);
    await page.getByRole('button', { name: '+14 days' }).click();
    await page.getByRole('button', { name: 'New key' }).click();
    await picture(page, `console-${name}-form`);
    assert.ok((await tooWide()) <= 0);
    assert.deepEqual(await page.evaluate(faint), []);
    await page.goto(ready.docs_url);
    await page.locator('.opblock').first().waitFor();
    await picture(page, `docs-${name}`);
    assert.ok((await tooWide()) <= 0);
    const isDark = await page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor !== 'rgba(0, 0, 0, 0)');
    assert.equal(isDark, colorScheme === 'dark', 'the documentation is dressed as the browser wants it');
  });
}
