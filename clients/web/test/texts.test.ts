import assert from "node:assert/strict";
import { test } from "node:test";
import { Texts, catalogs, languageOf, type Language } from "../src/texts.js";

const CATEGORY = /\.(zero|one|two|few|many|other)$/;
const languages = Object.keys(catalogs) as Language[];
const keysOf = (language: Language) => Object.keys(catalogs[language]);
const basesOf = (language: Language) => [...new Set(keysOf(language).map((key) => (isPlural(key) ? key.replace(CATEGORY, "") : key)))].sort();
const plurals = new Set(keysOf("en").filter((key) => key.endsWith(".one")).map((key) => key.replace(CATEGORY, "")));
const isPlural = (key: string) => CATEGORY.test(key) && plurals.has(key.replace(CATEGORY, ""));

for (const language of languages) {
  test(`${language} has the keys that English has`, () => assert.deepEqual(basesOf(language), basesOf("en")));

  test(`${language} has each plural category of its own, and no other`, () => {
    const wanted = [...new Intl.PluralRules(language).resolvedOptions().pluralCategories].sort();
    for (const base of plurals) {
      const there = keysOf(language).filter((key) => isPlural(key) && key.replace(CATEGORY, "") === base).map((key) => key.split(".").at(-1));
      assert.deepEqual(there.sort(), wanted, base);
    }
  });

  test(`${language} says something everywhere, and fills in what English fills in`, () => {
    const catalog = catalogs[language] as Record<string, string>;
    for (const [key, text] of Object.entries(catalogs.en)) {
      const said = catalog[key];
      if (said === undefined) continue; // a plural category of English alone
      assert.notEqual(said.trim(), "", key);
      const named = (of: string) => (of.match(/\{\w+\}/g) ?? []).filter((name) => name !== "{count}").sort();
      assert.deepEqual(named(said), named(text), key);
    }
  });
}

test("counts are said as the language says them", () => {
  assert.equal(new Texts("en").count("rooms.unread", 1), "1 unread message");
  assert.equal(new Texts("en").count("rooms.unread", 1200), "1,200 unread messages");
  assert.equal(new Texts("de").count("rooms.unread", 1200), "1.200 ungelesene Nachrichten");
  assert.equal(new Texts("ar").count("rooms.unread", 2), "رسالتان غير مقروءتين");
});

test("what is filled in is filled in as it is", () => {
  const texts = new Texts("en");
  assert.equal(texts.text("preview.of", { name: "{text}", text: "$& <b>" }), "{text}: $& <b>");
});

test("sizes and days are short", () => {
  const texts = new Texts("en");
  assert.equal(texts.bytes(0), "0 byte");
  assert.equal(texts.bytes(1_540_000), "1.5 MB");
  assert.equal(texts.bytes(999), "999 byte");
  const now = new Date(2026, 4, 10, 12);
  assert.equal(texts.dayOf(new Date(2026, 4, 10, 0, 1).toISOString(), now), "Today");
  assert.equal(texts.dayOf(new Date(2026, 4, 9, 23, 59).toISOString(), now), "Yesterday");
  assert.match(texts.dayOf(new Date(2026, 4, 1).toISOString(), now), /May/);
  assert.equal(texts.dayOf("rubbish", now), "");
});

test("the first language that is there is taken", () => {
  assert.equal(languageOf(["", "fr-FR", "ar-EG", "de"]), "ar");
  assert.equal(languageOf(["fr"]), "en");
  assert.equal(new Texts("ar").direction, "rtl");
});
