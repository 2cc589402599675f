import { readFileSync } from 'node:fs';
import { text as readAll } from 'node:stream/consumers';
import { describeError, TributaryError } from '../../base/errors.ts';
import { command } from '../command.ts';
import { type Io, writeLine } from '../io.ts';
import { table } from '../table.ts';
import { connectionOptions, formOption, named, openClient, show } from './connection.ts';

const operands = [{ name: 'NAME', doc: 'the connector' }];

export const offsetsGet = command({
  name: 'offsets get',
  summary: 'Shows how far a connector has come: of a source its positions, of a sink its consumer group',
  operands,
  options: { ...formOption, ...connectionOptions },
  examples: ['tributary offsets get trades', 'tributary offsets get trades -o json > offsets.json'],
  async run({ options, operands: [name = ''], io }) {
    const client = await openClient(options, io.env);
    const answer = await named(client, name, () => client.offsets(name));
    await show(io, options.output, answer, () => {
      if (answer.offsets.length === 0) return 'It has stored no offsets yet.';
      const rows = answer.offsets.map((one) => [JSON.stringify(one.partition), JSON.stringify(one.offset)]);
      return table(['PARTITION', 'OFFSET'], rows);
    });
    return 0;
  },
});

export const offsetsSet = command({
  name: 'offsets set',
  summary: 'Sets offsets of a stopped connector',
  operands,
  options: {
    file: {
      kind: 'text',
      short: 'f',
      value: 'FILE',
      doc: 'JSON as "offsets get -o json" prints it; - for standard input',
    },
    partition: { kind: 'text', value: 'JSON', doc: 'Partition of the source, with --offset in place of a file' },
    offset: { kind: 'text', value: 'JSON', doc: 'Offset of that partition; null forgets it' },
    ...connectionOptions,
  },
  examples: [
    'tributary offsets set trades -f offsets.json',
    `tributary offsets set events --partition '{"uri":"https://h/"}' --offset '{"last_event_id":"7"}'`,
  ],
  async run({ options, operands: [name = ''], io }) {
    const body = await offsetsOf(options, io);
    const client = await openClient(options, io.env);
    writeLine(io.stdout, await named(client, name, () => client.setOffsets(name, body)));
    return 0;
  },
});

export const offsetsReset = command({
  name: 'offsets reset',
  summary: 'Forgets all offsets of a stopped connector',
  operands,
  options: connectionOptions,
  examples: ['tributary stop trades && tributary offsets reset trades'],
  async run({ options, operands: [name = ''], io }) {
    const client = await openClient(options, io.env);
    writeLine(io.stdout, await named(client, name, () => client.resetOffsets(name)));
    return 0;
  },
});

interface Given {
  readonly file: string | undefined;
  readonly partition: string | undefined;
  readonly offset: string | undefined;
}

async function offsetsOf({ file, partition, offset }: Given, io: Io): Promise<unknown> {
  if (file !== undefined) return json('the file', file === '-' ? await readAll(io.stdin) : read(file));
  if (partition === undefined || offset === undefined) {
    throw new TributaryError('USAGE', 'Which offsets? Give -f FILE, or --partition and --offset.');
  }
  return { offsets: [{ partition: json('--partition', partition), offset: json('--offset', offset) }] };
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new TributaryError('NOT_FOUND', `Cannot read "${file}": ${describeError(error)}`);
  }
}

function json(what: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new TributaryError('USAGE', `Cannot use ${what}: it is no JSON.`);
  }
}
