/** What the configuration says about sequence numbers, gaps and repeated messages. */
import { TributaryError } from '../../base/errors.ts';
import { type Pointer, parsePointer } from './json-pointer.ts';
import { type DedupeSettings, mostWindowNumbers, type NumberingSettings, type SequenceSettings } from './numbering.ts';
import type { WebSocketConfig } from './spec.ts';

/** CONFIG_INVALID where options need others that are missing. */
export function numberingOf(values: WebSocketConfig): NumberingSettings {
  const sequence = sequenceOf(values);
  const dedupe = dedupeOf(values, sequence);
  const gapTopic = values['websocket.gap.topic'] === '' ? null : values['websocket.gap.topic'];
  if (gapTopic !== null && sequence === null)
    throw invalid('websocket.gap.topic', gapTopic, 'websocket.sequence.pointer must say where the numbers stand');
  if (dedupe?.by.kind === 'number' && sequence !== null && dedupe.window * sequence.maxChannels > mostWindowNumbers) {
    const problem = `times websocket.sequence.channels.max ${sequence.maxChannels} must be at most ${mostWindowNumbers}`;
    throw invalid('websocket.dedupe.window', dedupe.window, problem);
  }
  return { sequence, dedupe, gapTopic, isFilled: (values['websocket.backfill.url'] ?? '') !== '' };
}

function sequenceOf(values: WebSocketConfig): SequenceSettings | null {
  const number = pointerOf(values['websocket.sequence.pointer']);
  const channel = pointerOf(values['websocket.sequence.channel.pointer']);
  if (number === null) {
    if (channel === null) return null;
    const written = values['websocket.sequence.channel.pointer']!;
    throw invalid('websocket.sequence.channel.pointer', written, 'websocket.sequence.pointer is missing');
  }
  const scope = values['websocket.sequence.scope'] as SequenceSettings['scope'];
  const maxChannels = channel === null ? 1 : values['websocket.sequence.channels.max'];
  return { number, channel, step: values['websocket.sequence.step'], scope, maxChannels };
}

function dedupeOf(values: WebSocketConfig, sequence: SequenceSettings | null): DedupeSettings | null {
  const window = values['websocket.dedupe.window'];
  const id = pointerOf(values['websocket.dedupe.pointer']);
  if (window === 0) {
    if (id === null) return null;
    const written = values['websocket.dedupe.pointer']!;
    throw invalid('websocket.dedupe.pointer', written, 'websocket.dedupe.window must be at least 1');
  }
  if (id !== null) return { window, by: { kind: 'id', id } };
  if (sequence === null) return { window, by: { kind: 'payload' } };
  if (sequence.scope === 'feed') return { window, by: { kind: 'number' } };
  const problem =
    'numbers of websocket.sequence.scope "connection" are no ids: websocket.dedupe.pointer must name some';
  throw invalid('websocket.dedupe.window', window, problem);
}

function pointerOf(text: string | null): Pointer | null {
  return text === null || text === '' ? null : parsePointer(text);
}

function invalid(name: string, value: string | number, problem: string): TributaryError {
  return new TributaryError('CONFIG_INVALID', `Cannot start with ${name} "${value}": ${problem}`);
}
