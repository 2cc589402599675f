// Which Node runs the program: the one that package.json pins, wherever its package could be installed with its binary.
import { existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

export function pinnedNode(root) {
  const bin = join(root, 'node_modules/.bin');
  const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH ?? ''}` };
  const pinned = join(root, 'node_modules/node/bin', process.platform === 'win32' ? 'node.exe' : 'node');
  if (existsSync(pinned)) return { node: pinned, env };
  const wanted = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).engines.node;
  const [major, minor] = process.versions.node.split('.').map(Number);
  const [wantedMajor, wantedMinor] = wanted.replace(/^>=/, '').split('.').map(Number);
  if (major > wantedMajor || (major === wantedMajor && minor >= wantedMinor)) return { node: process.execPath, env };
  console.error(
    `Node ${wanted} is wanted, this is ${process.versions.node}; npm did not install the one that package.json pins ` +
      '(are install scripts switched off? then install that Node yourself).',
  );
  process.exit(2);
}
