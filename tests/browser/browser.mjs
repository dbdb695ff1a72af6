// A real browser for the tests of the coder's page: nothing it starts talks to anyone but the server under test.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const axe = createRequire(import.meta.url)("axe-core");

if (!process.env.CODIF_URL) {
  throw new Error("set CODIF_URL to the address of a running codif, for example http://127.0.0.1:8080");
}

/** The server under test. */
export const server = new URL(process.env.CODIF_URL);

/** Starts the browser, with an empty profile in a temporary folder that goes away with it. */
export function start() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-domain-reliability",
      "--disable-gpu",
      "--disable-sync",
      "--no-first-run",
      "--no-pings",
    ],
  });
}

/** Runs `visit` on a new page, then checks that no error was logged and no other host was asked for anything.
 * A refusal (422) is no fault of the page; `faults` names further messages that the visit provokes on purpose. */
export async function visiting(browser, options, visit, faults = /status of 422/) {
  const context = await browser.newContext({ locale: "fr-FR", reducedMotion: "reduce", ...options });
  context.setDefaultTimeout(10_000);
  const page = await context.newPage();
  const errors = [];
  const foreign = [];
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error" && !faults.test(message.text())) errors.push(message.text());
  });
  context.on("request", (request) => {
    const url = new URL(request.url());
    if (url.protocol !== "data:" && url.host !== server.host) foreign.push(request.url());
  });
  try {
    await visit(page);
    assert.deepEqual(errors, [], "errors in the console");
    assert.deepEqual(foreign, [], "requests to other hosts");
  } finally {
    await context.close();
  }
}

/** The address of the page for a description; of the blank page without one. */
export function address(description) {
  const url = new URL("/", server);
  if (description !== undefined) {
    url.search = new URLSearchParams([
      ["description", description],
      ["nomenclatures", "naf2008"],
      ["nomenclatures", "naf2025"],
    ]);
  }
  return url.href;
}

/** Presses Tab until an element has the focus. */
export async function tabTo(page, selector) {
  for (let pressed = 0; pressed < 30; pressed += 1) {
    if (await page.locator(`${selector}:focus`).count()) return;
    await page.keyboard.press("Tab");
  }
  assert.fail(`the Tab key does not reach ${selector}`);
}

/** What axe-core finds wrong, one line per violation. */
export async function violations(page) {
  await page.evaluate(axe.source);
  const found = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  return found.violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html} ${node.failureSummary}`));
}

/** By how many pixels the page is wider than its window. */
export function overflow(page) {
  return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
}
