/**
 * Makes test/conformance/record/batches.jsonl anew: raw log segments of a real Kafka, written by Java's producer and by
 * kcat, as base64. Run by hand: `node test/support/golden/make-golden-batches.ts`.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startKafka } from '../kafka.ts';
import { kafkaJars } from '../kafka-jars.ts';

await using kafka = await startKafka();
const java = join(import.meta.dirname, 'Golden.java');
execFileSync('java', ['-cp', `${kafkaJars}/*`, java, kafka.bootstrap], { stdio: ['ignore', 'inherit', 'inherit'] });
for (const compression of ['none', 'gzip', 'snappy', 'lz4', 'zstd']) {
  const input = Array.from({ length: 12 }, (_, i) => `k${i}\tvalue-${i} value-${i} value-${i}`).join('\n');
  const args = [
    '-P',
    '-b',
    kafka.bootstrap,
    '-t',
    `kcat-${compression}`,
    '-K',
    '\t',
    '-z',
    compression,
    '-H',
    'from=kcat',
  ];
  execFileSync('kcat', args, { input });
}

const lines: string[] = [];
for (const folder of readdirSync(kafka.dataFolder).sort()) {
  const topic = /^((?:java|kcat)-.+)-0$/.exec(folder)?.[1];
  if (topic === undefined) continue;
  // A marker is written now and the records say 2023: the broker puts them into another segment.
  const files = readdirSync(join(kafka.dataFolder, folder)).filter((name) => name.endsWith('.log'));
  const segment = Buffer.concat(files.sort().map((name) => readFileSync(join(kafka.dataFolder, folder, name))));
  lines.push(JSON.stringify({ topic, segment: segment.toString('base64') }));
}
const target = new URL('../../conformance/record/batches.jsonl', import.meta.url);
writeFileSync(target, `${lines.join('\n')}\n`);
console.log(`${lines.length} segments`);
