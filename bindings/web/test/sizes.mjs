// How many bytes of our own code a page loads, gzipped; LiteRT.js is not ours.
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

export async function sizes(here) {
  const lib = join(here, "dist/lib");
  const bytes = async (input) => {
    const { outputFiles } = await build({
      ...input,
      bundle: true,
      minify: true,
      write: false,
      format: "esm",
      external: ["@litertjs/core"],
    });
    return gzipSync(outputFiles[0].contents).length;
  };
  return {
    page: await bytes({ entryPoints: [join(lib, "index.js")] }),
    worker: await bytes({ entryPoints: [join(lib, "worker.js")] }),
    one_stage: await bytes({
      stdin: { contents: 'export { toInput } from "./index.js"', resolveDir: lib },
    }),
  };
}
