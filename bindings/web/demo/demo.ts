import "../dist/lib/index.js";
