/**
 * The report page in Chromium, as people use it: with the keyboard alone, on a desk, on a phone and on paper (issue 5,
 * reports). Run: `cargo xtask test suite`; `PICTURES=FOLDER` keeps pictures. Without a Chromium (`CHROMIUM`, by default
 * /usr/bin/chromium) it says that it is skipped, and in CI it fails.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';

import { bitting } from './bitting.mjs';

const chromium = process.env.CHROMIUM ?? '/usr/bin/chromium';
const skip = existsSync(chromium) || process.env.CI ? false : `${chromium} is not there; name a Chromium by CHROMIUM`;
const quiet = ['disable-gpu', 'disable-quic', 'no-first-run', 'disable-background-networking', 'disable-component-update', 'disable-sync'];
const folder = mkdtempSync(join(tmpdir(), 'bitting-report-'));
const file = join(folder, 'report.html');
let browser;

before(async () => {
  if (skip) return;
  const { chromium: playwright } = await import('playwright-core');
  browser = await playwright.launch({ executablePath: chromium, args: ['--no-sandbox', ...quiet.map((flag) => `--${flag}`)] });
  const defects = ['M01', 'M34', 'M38'].flatMap((id) => ['--defect', id]);
  const done = await bitting('check', 'spec/openapi/roboticks.yaml', ...defects, '--max-cases', '10', '--report', `html=${file}`);
  assert.equal(done.code, 1, done.err);
});

after(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** The page at a width; nothing may come from elsewhere, and no script may fail. */
async function open(t, width, more = {}) {
  const context = await browser.newContext({ viewport: { width, height: 900 }, ...more });
  const page = await context.newPage();
  const wrong = [];
  page.on('request', (request) => { if (!/^(file|data):/.test(request.url())) wrong.push(request.url()); });
  page.on('pageerror', (error) => wrong.push(String(error)));
  page.on('console', (message) => { if (message.type() === 'error') wrong.push(message.text()); });
  t.after(async () => {
    assert.deepEqual(wrong, []);
    await context.close();
  });
  await page.goto(pathToFileURL(file).href);
  return page;
}

async function picture(page, name) {
  if (!process.env.PICTURES) return;
  mkdirSync(process.env.PICTURES, { recursive: true });
  await page.screenshot({ path: join(process.env.PICTURES, `${name}.png`), fullPage: true });
}

/** Presses Tab until what has the focus fits; every stop on the way must show that it has it. */
async function tabTo(page, selector) {
  for (let step = 0; step < 80; step += 1) {
    await page.keyboard.press('Tab');
    const seen = await page.evaluate((wanted) => {
      const at = document.activeElement;
      const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(at);
      return { fits: at.matches(wanted), shows: (outlineStyle !== 'none' && outlineWidth !== '0px') || boxShadow !== 'none', html: at.outerHTML.slice(0, 80) };
    }, selector);
    assert.ok(seen.shows, `the focus cannot be seen on ${seen.html}`);
    if (seen.fits) return;
  }
  assert.fail(`the keyboard does not reach ${selector}`);
}

test('with the keyboard alone: filter, open, close, and from a matrix to its finding', { skip }, async (t) => {
  const page = await open(t, 1280);
  await picture(page, 'desk');
  const shown = () => page.locator('.findings > li:visible').count();
  const all = await shown();
  assert.ok(all > 1, String(all));
  await tabTo(page, '.filters [name=words]');
  await page.keyboard.type('tenancy');
  assert.ok(await shown() > 0 && await shown() < all);
  assert.match(await page.locator('.filters [name=shown]').textContent(), /of \d+ shown/);
  await page.keyboard.press('Control+A');
  await page.keyboard.press('Delete');
  assert.equal(await shown(), all);
  await tabTo(page, '.findings summary');
  const isOpen = () => page.evaluate(() => document.activeElement.closest('details').open);
  const was = await isOpen();
  await page.keyboard.press('Enter');
  assert.equal(await isOpen(), !was);
  await page.keyboard.press('Enter');
  assert.equal(await isOpen(), was);
  await page.reload();
  await tabTo(page, 'table a[href^="#finding-"]');
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => document.activeElement.matches('summary') && document.activeElement.parentElement.open);
  await picture(page, 'desk-open');
});

test('every control has a name, and the headings go down one level at a time', { skip }, async (t) => {
  const page = await open(t, 1280);
  const unnamed = await page.evaluate(() => [...document.querySelectorAll('input, select, button, a')].filter((one) => {
    const label = one.labels?.length ? [...one.labels].map((each) => each.textContent).join('') : '';
    return !(label + (one.getAttribute('aria-label') ?? '') + one.textContent).trim();
  }).map((one) => one.outerHTML));
  assert.deepEqual(unnamed, []);
  const levels = await page.evaluate(() => [...document.querySelectorAll('h1, h2, h3, h4')].map((one) => Number(one.tagName[1])));
  assert.equal(levels[0], 1);
  assert.ok(levels.every((level, at) => at === 0 || level <= levels[at - 1] + 1), levels.join());
  const headless = await page.evaluate(() => [...document.querySelectorAll('table')].filter((one) => !one.querySelector('th[scope]')).length);
  assert.equal(headless, 0);
});

for (const [name, width, more] of [['desk', 1280, {}], ['phone', 390, { isMobile: true, hasTouch: true }], ['dark', 1280, { colorScheme: 'dark' }]]) {
  test(`nothing but a matrix is wider than the window: ${name}`, { skip }, async (t) => {
    const page = await open(t, width, more);
    await page.locator('.filters [name=toggle]').click();
    await picture(page, `${name}-all-open`);
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), width);
  });
}

test('on paper every finding is open and no control is there', { skip }, async (t) => {
  const page = await open(t, 800);
  await page.emulateMedia({ media: 'print' });
  await picture(page, 'paper');
  assert.equal(await page.locator('.filters:visible').count(), 0);
  const hidden = await page.evaluate(() => [...document.querySelectorAll('.findings details')].filter((one) => {
    const body = [...one.children].find((child) => child.tagName !== 'SUMMARY');
    return body.getBoundingClientRect().height === 0;
  }).length);
  assert.equal(hidden, 0, 'what is closed on the screen cannot be opened on paper');
});
