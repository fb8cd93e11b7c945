import assert from "node:assert/strict";
import { test } from "node:test";
import { pictureOf } from "../src/pictures.js";

const page = "https://chat.example";
const path = "/api/media/rooms/0197a1b2-0000-7000-8000-000000000001/0197a1b2-0000-7000-8000-000000000002.jpg";

test("a picture of our media is loaded from where the page is, whatever address the server has for itself", () => {
  for (const address of [page + path, `http://localhost:5403${path}`, `https://elsewhere.example/sub${path}`]) assert.equal(pictureOf(address, "", page), page + path);
  assert.equal(pictureOf(page + path, `${page}/`, page), page + path);
});

test("no other picture is loaded", () => {
  for (const address of [null, undefined, "", "https://pictures.example/a.jpg", `${page}${path}?track=1`, `${page}/api/media/rooms/1/2.jpg`, `${page}${path}.svg`, "javascript:alert(1)", "data:image/png;base64,AA"]) {
    assert.equal(pictureOf(address, "", page), undefined, String(address));
  }
  assert.equal(pictureOf(page + path, "https://api.example", page), undefined, "the page's policy would refuse it");
});
