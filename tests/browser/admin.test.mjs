// The page of those who run codif, in a real browser, at the operations port of a running codif with a shadow:
//   CODIF_URL=http://127.0.0.1:8081 npm run test:admin

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { overflow, server, start, violations, visiting } from "./browser.mjs";

const address = new URL("/admin", server).href;

let browser;
before(async () => {
  browser = await start();
});
after(() => browser?.close());

for (const colorScheme of ["light", "dark"]) {
  test(`axe-core finds no fault in the page of the models, ${colorScheme}`, () =>
    visiting(browser, { colorScheme }, async (page) => {
      await page.goto(address);
      assert.deepEqual(await violations(page), []);
    }));
}

test("the page tells of the models and of the shadow's agreement, in French", () =>
  visiting(browser, {}, async (page) => {
    await page.goto(address);
    assert.equal(await page.title(), "Modèles en service – codif");
    assert.deepEqual(await page.locator("h2").allTextContents(), [
      "ape-naf2008@production",
      "ape-naf2025@production",
      "ape-naf2008@candidate",
    ]);
    const agreement = page.locator("section", { hasText: "ape-naf2008@candidate" }).locator("table").last();
    assert.equal(await agreement.locator("tbody th").first().textContent(), "Toutes");
    assert.match(await page.locator("body").innerText(), /Depuis\s+\d\d\/\d\d\/\d{4} à \d\d:\d\d:\d\d UTC/);
  }));

test("the page of the models needs no sideways scrolling at 320 pixels", () =>
  visiting(browser, { viewport: { width: 320, height: 640 } }, async (page) => {
    await page.goto(address);
    assert.equal(await overflow(page), 0);
  }));
