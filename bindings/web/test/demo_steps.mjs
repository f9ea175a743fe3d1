// What a person does on the demo page, and what the page answers.

/** Milliseconds that a page may take for a step: a test machine can be very busy. */
export const PATIENCE = 180_000;

/** With a camera: started by keyboard, looked at, unplugged. `options` are those of a context. */
export async function demoOfCamera(browser, url, work, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  const [errors, requests] = [[], []];
  page.on("pageerror", (error) => errors.push(error.message));
  await page.goto(url);
  await page.waitForFunction(() => document.querySelector("#model").options.length > 0);
  const answers = { errors, models: await texts(page, "#model option") };
  await page.screenshot({ path: `${work}/before.png` });
  await tabTo(page, "start");
  await page.keyboard.press("Enter");
  await settled(page);
  page.on("request", (request) => requests.push(request.url()));
  await page.waitForTimeout(2500);
  answers.requests = requests;
  answers.emotion = await page.textContent("#emotion");
  answers.units = await texts(page, "#units .present span:first-child");
  answers.faces = await page.textContent("#faces");
  answers.measured = await page.$$eval("#units li span[title]", (all) =>
    all.map((one) => one.title),
  );
  answers.figures = await texts(page, "dd");
  answers.cameras = await texts(page, "#camera option");
  answers.timeline = await painted(page, "timeline");
  answers.overlay = await painted(page, "overlay");
  await page.screenshot({ path: `${work}/light.png`, fullPage: true });
  const mirrored = () =>
    page.evaluate(() => getComputedStyle(document.querySelector("video")).transform);
  answers.mirrored = await mirrored();
  await tabTo(page, "mirror");
  await page.keyboard.press("Space");
  answers.unmirrored = await mirrored();
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  answers.light = await ground();
  await page.emulateMedia({ colorScheme: "dark" });
  answers.dark = await ground();
  await page.screenshot({ path: `${work}/dark.png`, fullPage: true });
  await page.setViewportSize({ width: 360, height: 740 });
  answers.phone_overflow = await overflow(page);
  await page.screenshot({ path: `${work}/phone.png`, fullPage: true });
  await page.evaluate(() => {
    // A track that ends by itself is what an unplugged camera looks like to a page.
    const [track] = document.querySelector("video").srcObject.getTracks();
    track.stop();
    track.dispatchEvent(new Event("ended"));
  });
  answers.unplugged = await page.textContent("#notice-title");
  answers.focus = await page.evaluate(() => document.activeElement.id);
  await page.keyboard.press("Enter");
  await settled(page);
  await page.setInputFiles("#photo", `${work}/data/astronaut.jpg`);
  await page.waitForFunction(
    () =>
      document.querySelector("#notice").hidden &&
      document.querySelector("video").srcObject === null,
  );
  answers.photo = await page.textContent("#emotion");
  await page.screenshot({ path: `${work}/photo.png` });
  await context.close();
  return answers;
}

/** Without one: what the page says. */
export async function demoWithoutCamera(browser, url, screenshot) {
  const page = await browser.newPage({
    viewport: { width: 390, height: 800 },
    colorScheme: "dark",
  });
  page.setDefaultTimeout(PATIENCE);
  const errors = [];
  page.on("pageerror", (error) => errors.push(error.message));
  await page.goto(url);
  await page.waitForFunction(() => document.querySelector("#model").options.length > 0);
  await page.click("#start");
  await page.waitForFunction(
    () => !/One moment|Look at/.test(document.querySelector("#notice-title").textContent),
  );
  const title = await page.textContent("#notice-title");
  const text = await page.textContent("#notice-text");
  const overflowing = await overflow(page);
  await page.screenshot({ path: screenshot });
  await page.close();
  return { title, text, errors, overflow: overflowing };
}

/** The page of the README, word by word: what it says of the face in front of the camera. */
export async function quickStart(browser, url) {
  const page = await browser.newPage();
  page.setDefaultTimeout(PATIENCE);
  await page.goto(url);
  const shown = await page.waitForFunction(() => {
    const text = document.querySelector("#state").textContent;
    return /AU/.test(text) && text;
  });
  const text = await shown.jsonValue();
  await page.close();
  return text;
}

/** Until several frames were shown. */
async function settled(page) {
  await page.waitForFunction(() => document.querySelector("#notice").hidden);
  await page.waitForFunction(() => document.querySelector("#fps").textContent !== "–");
}

async function tabTo(page, id) {
  for (let press = 0; press < 20; press++) {
    if ((await page.evaluate(() => document.activeElement.id)) === id) return;
    await page.keyboard.press("Tab");
  }
  throw new Error(`#${id} cannot be reached by keyboard`);
}

function texts(page, selector) {
  return page.$$eval(selector, (found) => found.map((each) => each.textContent));
}

/** Pixels past the right edge of the window. */
function overflow(page) {
  return page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  );
}

/** Part of a canvas that was drawn on. */
function painted(page, id) {
  return page.evaluate((name) => {
    const canvas = document.getElementById(name);
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return data.filter((value, i) => i % 4 === 3 && value > 0).length / (data.length / 4);
  }, id);
}
