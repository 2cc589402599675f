/**
 * How far the numbers of a feed have come, as members of the source's offset: primitive values, as Kafka Connect wants them.
 *
 * - `number`: the newest of all messages; with channels `number.BTC` for each.
 * - `recent`: check sums of the newest messages, the last of them that of `number` (base64 of 32 bits each, the lowest byte
 *   first; 0: it has not come; 1: it has, over another way). By them a repetition is told from a server that counts anew.
 * - `missing`: numbers that are not told yet: `5-9,12-12`.
 * - `numbered`: where the numbers stand. Those of another place are not gone on from.
 */
import type { SourceMap } from '../contract.ts';
import type { SequenceSettings } from './numbering.ts';

/** What is known of one channel. */
export interface ChannelPosition {
  readonly channel: string;
  readonly number: number;
  /** Of the newest messages, the last one that of `number`. */
  readonly sums: readonly number[];
  /** From and to of each hole, both included. */
  readonly missing: readonly (readonly [from: number, to: number])[];
}

/** As a task takes it with each batch: nothing is made of it until somebody stores it. */
export interface NumbersSnapshot {
  readonly channels: readonly string[];
  /** The newest of each. */
  readonly numbers: readonly number[];
  /** So many for each channel, one behind the other. */
  readonly sums: readonly number[];
  readonly sumsEach: number;
  readonly missing: readonly { readonly channel: string; readonly from: number; readonly to: number }[];
}

/** An offset is one record of Kafka: so many characters of its channels' names, numbers and holes at most. */
const longestText = 256 * 1024;
const holeText = /^(\d{1,16})-(\d{1,16})$/;

/** The members, and how many channels found no room: the ones that were unused for longest. */
export function writePositions(
  { channels, numbers, sums, sumsEach, missing }: NumbersSnapshot,
  settings: SequenceSettings,
): { readonly members: SourceMap; readonly left: number } {
  const members: [string, string | number][] = [['numbered', placeOf(settings)]];
  const holes = Map.groupBy(missing, ({ channel }) => channel);
  let length = 0;
  let written = 0;
  for (const [index, channel] of channels.entries()) {
    const suffix = settings.channel === null ? '' : `.${channel}`;
    const own = (holes.get(channel) ?? []).map(({ from, to }) => `${from}-${to}`).join();
    const recent = sumsText(sums.slice(index * sumsEach, (index + 1) * sumsEach));
    length += 3 * suffix.length + own.length + recent.length + 50;
    if (length > longestText) break;
    members.push([`number${suffix}`, numbers[index]!]);
    if (recent !== '') members.push([`recent${suffix}`, recent]);
    if (own !== '') members.push([`missing${suffix}`, own]);
    written++;
  }
  return { members: Object.fromEntries(members), left: channels.length - written };
}

/** What an offset says, the channel used last first. What cannot be read, or is of another place, is nothing. */
export function readPositions(offset: SourceMap, settings: SequenceSettings): ChannelPosition[] {
  const place = offset['numbered'];
  if (place !== undefined && place !== placeOf(settings)) return [];
  const found: ChannelPosition[] = [];
  for (const [key, number] of Object.entries(offset)) {
    const suffix = settings.channel === null ? '' : key.slice('number'.length);
    if (key !== `number${suffix}` || (settings.channel !== null && !suffix.startsWith('.'))) continue;
    if (!isNumber(number)) continue;
    const sums = readSums(offset[`recent${suffix}`]);
    const missing = readHoles(offset[`missing${suffix}`]).filter(([from, to]) => from <= to && to < number);
    found.push({ channel: suffix.slice(1), number, sums, missing });
  }
  return found;
}

/** What is wrong with an offset that somebody wants to go on from, or undefined. */
export function positionsProblem(offset: SourceMap): string | undefined {
  for (const [key, value] of Object.entries(offset)) {
    if (/^number(\.|$)/.test(key) && !isNumber(value))
      return `"${key}" is ${JSON.stringify(value)}: must be the last number that has come, a whole number`;
    const holes = /^missing(\.|$)/.test(key) ? String(value).split(',') : [];
    const wrong = holes.find((text) => !holeText.test(text));
    if (wrong !== undefined) return `"${key}" holds "${wrong}": must be ranges of numbers such as "5-9,12-12"`;
  }
  return undefined;
}

function placeOf({ number, channel, step }: SequenceSettings): string {
  const by = channel === null ? '' : ` by ${channel.text}`;
  return `${number.text}${by}${step === 1 ? '' : ` in steps of ${step}`}`;
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function sumsText(sums: readonly number[]): string {
  const bytes = Buffer.alloc(sums.length * 4);
  for (const [index, sum] of sums.entries()) bytes.writeUInt32LE(sum, index * 4);
  return bytes.toString('base64');
}

function readSums(text: unknown): number[] {
  const bytes = typeof text === 'string' ? Buffer.from(text, 'base64') : Buffer.alloc(0);
  return Array.from({ length: bytes.length >> 2 }, (_, index) => bytes.readUInt32LE(index * 4));
}

function readHoles(text: unknown): [number, number][] {
  if (typeof text !== 'string') return [];
  return text.split(',').flatMap((part): [number, number][] => {
    const [, from, to] = holeText.exec(part) ?? [];
    return from === undefined || to === undefined ? [] : [[Number(from), Number(to)]];
  });
}
