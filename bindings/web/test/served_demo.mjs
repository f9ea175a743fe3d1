// Visits the page that `mf2-edge demo` serves, with a camera, and tries to leave.
//   node test/served_demo.mjs WORK
// WORK/plan.json: {chromium, url, video, proxy}; the answers go to WORK/answers.json. Whatever the
// pages ask of another machine goes to the proxy; what Chromium asks for itself does not.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { demoOfCamera } from "./demo_steps.mjs";
import { fakeCamera, launch } from "./launch.mjs";

const work = process.argv[2];
const plan = JSON.parse(readFileSync(join(work, "plan.json"), "utf8"));
const proxy = { server: plan.proxy, bypass: "127.0.0.1" };
const browser = await launch(plan.chromium, fakeCamera(plan.video));
try {
  const context = await browser.newContext({ proxy });
  const page = await context.newPage();
  const asked = [];
  context.on("request", (request) => asked.push(request.url()));
  await page.goto(plan.url);
  await page.waitForFunction(() => document.querySelector("#model").options.length > 0);
  const isolated = await page.evaluate(() => crossOriginIsolated);
  // Its own policy stops what a page could send.
  const sent = await page.evaluate(() =>
    fetch("http://elsewhere.test/policy").then(
      () => "sent",
      (error) => error.name,
    ),
  );
  const demo = await demoOfCamera(browser, plan.url, work, { proxy });
  writeFileSync(join(work, "answers.json"), JSON.stringify({ isolated, sent, asked, demo }));
  // What a page without a policy asks of elsewhere does arrive at the proxy.
  await page.goto("http://elsewhere.test/control").catch(() => undefined);
} finally {
  await browser.close();
}
