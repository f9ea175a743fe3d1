// Builds dist/lib (the package) and dist/demo (a folder that any static server can serve).
import { execFileSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(dirname(fileURLToPath(import.meta.url)));
const [lib, demo] = [join(here, "dist/lib"), join(here, "dist/demo")];
const [assets, modules] = [join(lib, "assets"), join(here, "node_modules")];
const product = join(here, "../../mf2_edge");

rmSync(join(here, "dist"), { recursive: true, force: true });
// npm takes no file from above the package's folder.
for (const file of ["LICENSE", "NOTICE"]) cpSync(join(here, "../..", file), join(here, file));
execFileSync(process.execPath, [join(modules, "typescript/bin/tsc"), "-p", here], {
  stdio: "inherit",
});

const bundled = { bundle: true, minify: true, target: "es2022", logLevel: "warning" };
const worker = join(lib, "worker.js");
await build({
  ...bundled,
  entryPoints: [worker],
  outfile: join(assets, "worker.js"),
  format: "iife",
});
// For pages without a bundler: one module that needs no other.
const index = join(lib, "index.js");
await build({ ...bundled, entryPoints: [index], outfile: join(lib, "mf2-edge.js"), format: "esm" });
for (const kind of ["internal", "compat_internal", "threaded_internal"]) {
  for (const end of ["js", "wasm"]) {
    const file = `wasm/litert_wasm_${kind}.${end}`;
    cpSync(join(modules, "@litertjs/core", file), join(assets, file));
  }
}
cpSync(join(product, "detectors"), join(assets, "detectors"), { recursive: true });

mkdirSync(join(demo, "models"), { recursive: true });
const entry = join(here, "demo/demo.ts");
await build({ ...bundled, entryPoints: [entry], outfile: join(demo, "demo.js"), format: "esm" });
for (const file of ["index.html", "style.css"]) cpSync(join(here, "demo", file), join(demo, file));
cpSync(assets, join(demo, "assets"), { recursive: true });
writeFileSync(join(demo, "models/models.json"), JSON.stringify(models(join(product, "bundles"))));

/** Copy what a browser can run of each bundle; returns the choices for the page. */
function models(bundles) {
  const choices = [];
  for (const name of readdirSync(bundles).sort()) {
    const folder = join(bundles, name);
    if (!existsSync(join(folder, "model.json"))) continue;
    const spec = JSON.parse(readFileSync(join(folder, "model.json"), "utf8"));
    for (const {
      file,
      format,
      precision,
      bytes,
      io_dtype = "float32",
      delegate,
    } of spec.artifacts) {
      if (format !== "tflite" || io_dtype !== "float32" || delegate) continue;
      for (const each of ["model.json", "LICENSE", file]) {
        cpSync(join(folder, each), join(demo, "models", name, each));
      }
      choices.push({ name, precision, bytes, url: `models/${name}/` });
    }
  }
  return choices;
}
