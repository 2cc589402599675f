/** The files of the example page that the gateway serves below /demo: these, by their names, and no others. */
import { readFileSync } from 'node:fs';
import type { DemoFile } from '../gateway/http/demo.ts';

const types = {
  html: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
} as const;

/** Two folders up in a checkout and in what is published alike. The library is there once it was built. */
const files: ReadonlyMap<string, readonly [keyof typeof types, string]> = new Map([
  ['/demo', ['html', '../../examples/browser/index.html']],
  ['/demo/page.css', ['css', '../../examples/browser/page.css']],
  ['/demo/page.js', ['js', '../../examples/browser/page.js']],
  ['/demo/client.js', ['js', '../../clients/js/dist/client.js']],
]);

/** Undefined where there is nothing at this path, or not yet. */
export function demoFile(path: string): DemoFile | undefined {
  const file = files.get(path);
  if (file === undefined) return undefined;
  const [type, place] = file;
  try {
    return { type: types[type], body: readFileSync(new URL(place, import.meta.url)) };
  } catch {
    return undefined; // a checkout in which nobody has run `npm run build` or `npm start`
  }
}
