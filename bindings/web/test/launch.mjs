// Headless Chromium for the tests.
import { chromium } from "playwright-core";

/** Debian's Chromium, which looks up nothing on its own. */
export function launch(executablePath, flags) {
  return chromium.launch({
    executablePath,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--no-first-run",
      ...flags,
    ],
  });
}

/** Flags of a camera that plays a file (YUV4MPEG2) and is allowed. */
export function fakeCamera(video) {
  return [
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    `--use-file-for-fake-video-capture=${video}`,
  ];
}
