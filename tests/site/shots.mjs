// Screenshots of every page in both themes, to be looked at:  node tests/site/shots.mjs SITE FOLDER [WIDTH]

import { mkdirSync } from "node:fs";
import { serve } from "../../site/serve.mjs";
import { Browser, find } from "./chromium.mjs";

const [site, folder, width = "1280"] = process.argv.slice(2);
const PAGES = ["index", "program", "stages", "fitting", "numbers", "heap", "gate", "plane", "figures", "evaluator"];
mkdirSync(folder, { recursive: true });
const server = await serve(site);
const browser = new Browser(find());
const page = await browser.page();
for (const theme of ["light", "dark"]) {
  for (const name of PAGES) {
    await page.send("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: theme }] });
    await page.open(`http://127.0.0.1:${server.address().port}/${name}.html`);
    await new Promise((done) => setTimeout(done, 4000));
    await page.screenshot(`${folder}/${name}-${theme}.png`, Number(width));
    if (page.wrong.length) console.log(name, page.wrong.splice(0));
  }
}
await browser.close();
server.close();
