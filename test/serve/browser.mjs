// The chat page in a real browser: node browser.mjs URL MODULES, with the
// browser in CHROMIUM.
import assert from "node:assert/strict";
import {createRequire} from "node:module";

const [url, modules] = process.argv.slice(2);
const {chromium} = createRequire(modules + "/x.js")("playwright-core");
const browser = await chromium.launch({executablePath: process.env.CHROMIUM, args: ["--no-sandbox"]});
const page = await browser.newPage({viewport: {width: 390, height: 844}});
page.setDefaultTimeout(20000);
const problems = [], requests = [];
page.on("console", message => { if (message.type() === "error") problems.push(message.text()); });
page.on("pageerror", error => problems.push(String(error)));
page.on("request", request => requests.push(request.url()));

const status = () => page.textContent("#status");
const statusHas = word => page.waitForFunction(
  word => document.getElementById("status").textContent.includes(word), word);
const lastAnswer = () => page.textContent(".model:last-of-type");

const tests = {
  async loads() {
    await page.goto(url);
    await page.waitForFunction(() => document.title === "fake");
    assert.equal(await page.evaluate(() => document.activeElement.id), "input");
    assert.equal(await page.inputValue("#temperature"), "0.8");
    assert.deepEqual(problems, []);
    assert.ok(requests.every(to => to.startsWith(url) || to.startsWith("data:")), requests.join());
  },

  async fitsAPhone() {
    await page.click("summary");
    const {wide, small, text} = await page.evaluate(() => ({
      wide: document.documentElement.scrollWidth,
      small: [...document.querySelectorAll("button, input, textarea")].filter(e => e.offsetParent && e.offsetHeight < 38).map(e => e.id),
      text: Math.min(...[...document.querySelectorAll("p, label, span, button, textarea")].map(e => parseFloat(getComputedStyle(e).fontSize))),
    }));
    assert.ok(wide <= 390, "wider than the screen: " + wide);
    assert.deepEqual(small, []);
    assert.ok(text >= 12, "smallest text: " + text);
    await page.click("summary");
  },

  // What a screen reader says for each.
  async everythingHasAName() {
    const nameless = await page.evaluate(() =>
      [...document.querySelectorAll("button, input, textarea")].filter(e =>
        !(e.labels?.[0]?.textContent.trim() || e.textContent.trim() || e.getAttribute("aria-label"))).map(e => e.outerHTML));
    assert.deepEqual(nameless, []);
    await page.getByRole("textbox", {name: "Message"}).waitFor();
    await page.getByRole("button", {name: "Send"}).waitFor();
    await page.getByRole("log", {name: "Conversation"}).waitFor();
    assert.equal(await page.getAttribute("html", "lang"), "en");
  },

  async streamsByKeyboard() {
    await page.focus("#input");
    await page.keyboard.type("hi");
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => document.querySelector(".model")?.textContent.length > 10);
    const early = await lastAnswer();
    assert.equal(await page.getAttribute("#log", "aria-busy"), "true");
    await statusHas("Done");
    const whole = await lastAnswer();
    assert.ok(early.length < whole.length, "the answer came at once");
    assert.ok(whole.endsWith("The end."), whole);
    assert.match(await status(), /^Done: \d+ tokens, [\d.]+ tokens\/s/);
    assert.equal(await page.inputValue("#input"), "");
  },

  async newLineAndTabOrder() {
    await page.focus("#input");
    await page.keyboard.type("a");
    await page.keyboard.press("Shift+Enter");
    await page.keyboard.type("b");
    assert.equal(await page.inputValue("#input"), "a\nb");
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement.id), "send");
    await page.keyboard.press("Shift+Tab");
    await page.keyboard.press("Shift+Tab");
    assert.equal(await page.evaluate(() => document.activeElement.tagName), "SUMMARY");
    await page.fill("#input", "");
  },

  async stops() {
    for (const stop of [() => page.keyboard.press("Escape"), () => page.click("#stop")]) {
      await page.click("#clear");
      await page.fill("#input", "x");
      await page.keyboard.press("Enter");
      await page.waitForFunction(() => document.querySelector(".model")?.textContent.length > 8);
      await stop();
      await statusHas("Stopped");
      assert.ok(!(await lastAnswer()).includes("The end."));
      assert.ok(await page.isHidden("#stop"));
    }
    // The server has stopped too.
    for (let i = 0; i < 50; ++i) {
      const metrics = await (await fetch(url + "/metrics")).text();
      if (/^llamacpp:requests_processing 0$/m.test(metrics)) return;
      await new Promise(done => setTimeout(done, 20));
    }
    assert.fail("the request is still running");
  },

  async settingsCount() {
    await page.click("#clear");
    await page.click("summary");
    await page.fill("#max_tokens", "5");
    await page.fill("#input", "x");
    await page.focus("#input");
    await page.keyboard.press("Enter");
    await statusHas("cut off");
    assert.match(await status(), /^Done: 5 tokens/);
    await page.fill("#max_tokens", "512");
  },

  async errorsAreShown() {
    await page.click("#clear");
    await page.fill("#input", "a".repeat(500));
    await page.focus("#input");
    await page.keyboard.press("Enter");
    await statusHas("Failed");
    assert.match(await page.textContent(".error"), /500|tokens/);
    problems.length = 0; // The browser reports the status, as it should.
  },

  async darkAndReadable() {
    const contrast = () => page.evaluate(() => {
      const light = color => {
        const parts = color.match(/\d+/g).slice(0, 3).map(v => v / 255)
          .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
      };
      const style = getComputedStyle(document.body);
      const [a, b] = [light(style.color), light(style.backgroundColor)];
      const quiet = light(getComputedStyle(document.getElementById("status")).color);
      const ratio = (x, y) => (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
      return {isDark: a > b, text: ratio(a, b), quiet: ratio(quiet, b)};
    });
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({colorScheme});
      const {isDark, text, quiet} = await contrast();
      assert.equal(isDark, colorScheme === "dark");
      assert.ok(text >= 7 && quiet >= 4.5, JSON.stringify({text, quiet}));
    }
  },
};

let failed = false;
for (const [name, test] of Object.entries(tests)) {
  try {
    await test();
    assert.deepEqual(problems, []);
    console.log("ok", name);
  } catch (error) {
    console.log("FAILED", name, error, problems);
    failed = true;
    break;
  }
}
if (process.env.SCREENSHOT) await page.screenshot({path: process.env.SCREENSHOT});
await browser.close();
process.exit(failed ? 1 : 0);
