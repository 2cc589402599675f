#!/usr/bin/env node
// Written so that any Node of the last years can read it: an old one shall say what it wants, not fail on syntax.
const wanted = [24, 6];
const found = process.versions.node.split('.').map(Number);
if (found[0] < wanted[0] || (found[0] === wanted[0] && found[1] < wanted[1])) {
  console.error(`tributary needs Node ${wanted.join('.')} or newer; this is Node ${process.versions.node}.`);
  process.exit(2);
}
// In a checkout the sources run as they are; what is published holds only what the build made of them.
const { existsSync } = await import('node:fs');
const source = new URL('../src/main.ts', import.meta.url);
const { main } = await import(existsSync(source) ? source.href : new URL('../dist/main.js', import.meta.url).href);
await main(process.argv.slice(2));
