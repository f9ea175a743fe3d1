// Runs the pages of the tests that need no camera in headless Firefox, without a driver: a page calls the
// functions of page.ts and posts what they answer. After drive.mjs, which builds the pages.
//   node test/firefox.mjs WORK
// WORK/plan.json: {firefox, data, bundles, calls}; the answers go to WORK/firefox.json.
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { serve } from "../scripts/serve.mjs";

const PATIENCE = 600_000;
const here = dirname(dirname(fileURLToPath(import.meta.url)));
const work = process.argv[2];
const plan = JSON.parse(readFileSync(join(work, "plan.json"), "utf8"));
const calls = plan.calls.filter(({ call }) => call !== "loop");
const pages = join(work, "pages");
writeFileSync(
  join(pages, "firefox.html"),
  `<!doctype html><script type="module">
    import "./page.js";
    const post = (told) => fetch("/answers", { method: "POST", body: JSON.stringify(told) });
    const errors = [];
    for (const { name, call, args } of ${JSON.stringify(calls)}) {
      await globalThis.page[call](...args).then(
        (answer) => post({ [name]: answer }),
        (error) => errors.push(name + ": " + error),
      );
    }
    await post({ errors, agent: navigator.userAgent, isolated: crossOriginIsolated });
  </script>`,
);

// Nothing that a new profile asks of the network, and no page of its own.
const profile = join(work, "firefox");
mkdirSync(profile, { recursive: true });
const settings = {
  "app.normandy.enabled": false,
  "browser.aboutwelcome.enabled": false,
  "browser.region.network.url": "",
  "browser.safebrowsing.malware.enabled": false,
  "browser.safebrowsing.phishing.enabled": false,
  "browser.shell.checkDefaultBrowser": false,
  "datareporting.policy.dataSubmissionEnabled": false,
  "extensions.getAddons.cache.enabled": false,
  "network.captive-portal-service.enabled": false,
  "network.connectivity-service.enabled": false,
  "security.sandbox.content.level": 0, // as root, in a container
  "services.settings.server": "data:,",
  "toolkit.telemetry.enabled": false,
};
const lines = Object.entries(settings).map(
  (pair) => `user_pref(${pair.map((part) => JSON.stringify(part)).join(", ")});`,
);
writeFileSync(join(profile, "user.js"), lines.join("\n"));

const answers = {};
let settle;
const done = new Promise((resolve) => (settle = resolve));
const posted = (body) => {
  Object.assign(answers, JSON.parse(body));
  if ("errors" in answers) settle(null);
};
const { server, url } = await serve(
  {
    "/": pages,
    "/assets/": join(here, "dist/lib/assets"),
    "/data/": plan.data,
    "/bundles/": plan.bundles,
  },
  0,
  { "Cross-Origin-Resource-Policy": "cross-origin" },
  posted,
);
const browser = spawn(
  plan.firefox,
  ["--headless", "--no-remote", "--profile", profile, `${url}firefox.html`],
  {
    stdio: "ignore",
  },
);
const late = setTimeout(() => settle(`told nothing more within ${PATIENCE / 1000} s`), PATIENCE);
browser.on("exit", () => settle("ended"));
const problem = await done;
clearTimeout(late);
browser.kill();
server.close();
server.closeAllConnections();
if (problem)
  throw new Error(
    `Firefox ${problem}; it answered ${Object.keys(answers).join(", ") || "nothing"}`,
  );
writeFileSync(join(work, "firefox.json"), JSON.stringify(answers));
