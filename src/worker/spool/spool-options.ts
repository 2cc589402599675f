/** What a connector's configuration says of its spool: `spool.*`. */
import { define, parse } from '../../config/config-def.ts';
import { boolean, long, oneOf, range, string } from '../../config/option.ts';
import type { RawConfig } from '../../config/raw.ts';

const modes = ['off', 'best-effort', 'at-least-once', 'exactly-once'] as const;
const answers = ['block', 'drop-oldest', 'fail'] as const;

export type SpoolMode = Exclude<(typeof modes)[number], 'off'>;
export type WhenFull = (typeof answers)[number];

export interface SpoolSettings {
  readonly mode: SpoolMode;
  readonly maxBytes: number;
  /** Infinity: however old. */
  readonly maxAgeMs: number;
  readonly whenFull: WhenFull;
}

/** Our own, beside those of Kafka Connect: without a group, so that its forms show the groups that it has. */
export const spoolOptions = define({
  'spool.mode': string({
    default: 'off',
    doc: 'Whether records are synced to this machine before they go to Kafka, and what is promised from then on: off, best-effort, at-least-once or exactly-once (docs/spool.md)',
    validate: oneOf(modes),
    importance: 'medium',
  }),
  'spool.max.bytes': long({
    default: 10 * 1024 ** 3,
    doc: 'Bytes that wait in the spool at most, for each task',
    validate: range(1024 * 1024, undefined),
    importance: 'medium',
  }),
  'spool.max.age.ms': long({
    default: null,
    doc: 'Milliseconds that a record waits in the spool at most; without it, however long Kafka is away',
    validate: range(1000, undefined, true),
    importance: 'low',
  }),
  'spool.when.full': string({
    default: null,
    doc: 'What a full spool does: block (nothing more is taken from the source), drop-oldest or fail. Without it block, with spool.mode=best-effort drop-oldest',
    validate: (value) => (value === null ? undefined : oneOf(answers)(value, 'spool.when.full')),
    importance: 'medium',
  }),
  'spool.through.silence': boolean({
    default: true,
    doc: 'Of several workers of one group: whether a task with a spool goes on receiving while its worker cannot hear the group for longer than the session timeout. Another worker may do the same work then. Without it the task ends there, as one without a spool does',
    importance: 'low',
  }),
});

export function isSpooled(config: RawConfig): boolean {
  try {
    return parse(spoolOptions, config)['spool.mode'] !== 'off';
  } catch {
    return false; // no task runs by it
  }
}

/** Whether a source with this configuration has a spool, and goes on while nobody can tell whose work it is. */
export function goesOnThroughSilence(config: RawConfig): boolean {
  try {
    const values = parse(spoolOptions, config);
    return values['spool.mode'] !== 'off' && values['spool.through.silence'];
  } catch {
    return false; // no task runs by it
  }
}

/** Undefined where the connector wants none. CONFIG_INVALID for a value that cannot be parsed. */
export function spoolSettingsOf(config: RawConfig): SpoolSettings | undefined {
  const values = parse(spoolOptions, config);
  const mode = modes.find((each) => each === values['spool.mode']);
  if (mode === undefined || mode === 'off') return undefined;
  const whenFull = answers.find((each) => each === values['spool.when.full']);
  return {
    mode,
    maxBytes: values['spool.max.bytes'],
    maxAgeMs: values['spool.max.age.ms'] ?? Number.POSITIVE_INFINITY,
    whenFull: whenFull ?? (mode === 'best-effort' ? 'drop-oldest' : 'block'),
  };
}
