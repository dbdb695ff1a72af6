// The coder's page in a real browser, against a running codif that serves naf2008 and naf2025:
//   npm ci && CODIF_URL=http://127.0.0.1:8080 npm test

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { address, overflow, server, start, tabTo, violations, visiting } from "./browser.mjs";

const LABEL = "coiffure à domicile";
const FIRST = { naf2008: "96.02A", naf2025: "96.21H" };

let browser;
before(async () => {
  browser = await start();
});
after(() => browser?.close());

/** Checks that the page shows the coding of LABEL in both nomenclatures. */
async function assertCoded(page) {
  await page.locator("#results").waitFor();
  for (const [nomenclature, code] of Object.entries(FIRST)) {
    const card = page.locator(`[data-nomenclature="${nomenclature}"]`);
    const count = (selector) => card.locator(selector).count();
    assert.equal(await card.locator(".prediction__code").first().innerText(), code);
    assert.equal(await count(".prediction"), 5);
    assert.match(await card.locator(".badge").textContent(), /^(Automatique|Manuel)$/);
    assert.match(await card.locator(".prediction__probability").first().innerText(), /^[\d,<>\s]+\s%$/);
    const bars = await card.locator(".bar .bar__value").evaluateAll((all) => all.map((bar) => bar.getBBox().width));
    assert.equal(bars.length, 5);
    assert.ok(bars[0] > 0 && bars.every((width, i) => i === 0 || width <= bars[i - 1]), `bars shrink: ${bars}`);
    assert.ok(await card.locator("mark", { hasText: "coiffure" }).count(), "coiffure is highlighted");
    assert.match(await card.locator(".gap").innerText(), /\d,\d{3,}[^]*seuil/);
  }
  assert.match(await page.title(), new RegExp(`^${LABEL}`));
}

test("an activity is coded with the keyboard alone", () =>
  visiting(browser, {}, async (page) => {
    await page.goto(address());
    await tabTo(page, "#description");
    await page.keyboard.type(LABEL);
    await tabTo(page, "button[type=submit]");
    await page.keyboard.press("Enter");
    await assertCoded(page);
    assert.equal(await page.locator("#results-title:focus").count(), 1, "the focus is on the result");
    assert.match(await page.locator("#announcer").textContent(), new RegExp(LABEL), "the result is announced");
    assert.equal(new URL(page.url()).searchParams.get("description"), LABEL);
    assert.equal(new URL(page.url()).searchParams.has("event"), false, "what was left empty is not in the address");
  }));

test("Ctrl+Enter submits from the description", () =>
  visiting(browser, {}, async (page) => {
    await page.goto(address());
    await page.locator("#description").fill(LABEL);
    await page.keyboard.press("Control+Enter");
    await assertCoded(page);
  }));

test("the page works without JavaScript", () =>
  visiting(browser, { javaScriptEnabled: false }, async (page) => {
    await page.goto(address());
    await tabTo(page, "#description");
    await page.keyboard.type(LABEL);
    await tabTo(page, "button[type=submit]");
    await page.keyboard.press("Enter");
    await assertCoded(page);
  }));

test("the page works when fetch does not", () =>
  visiting(
    browser,
    {},
    async (page) => {
      await page.route("**", (route) => (route.request().resourceType() === "fetch" ? route.abort() : route.continue()));
      await page.goto(address());
      await page.locator("#description").fill(LABEL);
      await page.locator("button[type=submit]").click();
      await assertCoded(page);
    },
    /ERR_FAILED/,
  ));

for (const javaScriptEnabled of [true, false]) {
  test(`an empty description is an error on its field, JavaScript ${javaScriptEnabled ? "on" : "off"}`, () =>
    visiting(browser, { javaScriptEnabled }, async (page) => {
      await page.goto(address());
      await page.locator("button[type=submit]").click();
      const alert = page.locator("#errors[role=alert]");
      await alert.waitFor();
      const field = page.locator("#description[aria-invalid=true]:focus");
      await field.waitFor();
      assert.match(await field.getAttribute("aria-describedby"), /\bdescription-error\b/);
      assert.equal(await page.locator("#description-error").innerText(), await alert.locator("a").innerText());
      assert.match(await page.title(), /^Erreur/);
      assert.equal(await page.locator("#results").count(), 0);
    }));
}

test("a script in a description is text", () =>
  visiting(browser, {}, async (page) => {
    const hostile = "<script>document.title='volé'</script> coiffure";
    await page.goto(address(hostile));
    assert.equal(await page.locator("#description").inputValue(), hostile);
    assert.match(await page.locator("#results-title").innerText(), /<script>/);
    assert.equal(await page.locator("script:not([src])").count(), 0);
    assert.notEqual(await page.title(), "volé");
  }));

test("the back and forward buttons work", () =>
  visiting(browser, {}, async (page) => {
    await page.goto(address());
    await page.locator("#description").fill(LABEL);
    await page.keyboard.press("Control+Enter");
    await assertCoded(page);
    await page.goBack();
    await page.locator("#results").waitFor({ state: "detached" });
    assert.equal(page.url(), new URL("/", server).href);
    assert.equal(await page.locator("#description").inputValue(), "");
    await page.goForward();
    await assertCoded(page);
  }));

const PAGES = { blank: undefined, result: LABEL, error: "" };
for (const [name, description] of Object.entries(PAGES)) {
  for (const colorScheme of ["light", "dark"]) {
    test(`axe-core finds no fault in the ${name} page, ${colorScheme}`, () =>
      visiting(browser, { colorScheme }, async (page) => {
        await page.goto(address(description));
        await page.locator("details").evaluateAll((all) => all.forEach((details) => (details.open = true)));
        assert.deepEqual(await violations(page), []);
      }));
  }
  test(`the ${name} page needs no sideways scrolling at 320 pixels, nor at 200 %`, () =>
    visiting(browser, { viewport: { width: 320, height: 640 } }, async (page) => {
      await page.goto(address(description));
      await page.locator("details").evaluateAll((all) => all.forEach((details) => (details.open = true)));
      assert.equal(await overflow(page), 0, "320 pixels");
      await page.setViewportSize({ width: 640, height: 400 });
      assert.equal(await overflow(page), 0, "1280 pixels at 200 %");
    }));
}
