import { describeError } from '../../base/errors.ts';
import type { RawConfig } from '../../config/config-def.ts';
import type { ConnectorContext, ProbeResult, SourceBatch } from '../contract.ts';

type Open = (raw: RawConfig, context: ConnectorContext) => AsyncIterable<SourceBatch>;

const patienceMs = 10_000;
const longestSample = 2000;

/** Connects once and waits for a message, 10 s at most. */
export async function probe(open: Open, raw: RawConfig, context: ConnectorContext): Promise<ProbeResult> {
  const patience = AbortSignal.timeout(patienceMs);
  const signal = AbortSignal.any([context.signal, patience]);
  let status: string | undefined;
  const setStatus = (detail: string | undefined): void => {
    status = detail;
  };
  const once = { ...raw, 'websocket.reconnect.enabled': 'false' };
  try {
    for await (const batch of open(once, { ...context, signal, setStatus })) {
      const [record] = batch.records;
      if (record === undefined) continue;
      return { ok: true, sample: sampleOf(record.value as Uint8Array), detail: 'connected, first message received' };
    }
  } catch (error) {
    return { ok: false, reason: describeError(error).replace(/ \(websocket\.reconnect\.enabled is false\)$/, '') };
  }
  if (!patience.aborted) return { ok: false, reason: 'stopped before a message came' };
  const where = status === undefined ? 'connected and subscribed, but no message came' : `still ${status}`;
  return { ok: false, reason: `${where} within ${patienceMs / 1000} s` };
}

/** Text where it is text, else the beginning of its bytes in hexadecimal digits. */
function sampleOf(value: Uint8Array): string {
  const start = Buffer.from(value.subarray(0, longestSample * 4));
  const text = start.toString('utf8');
  if (!text.includes('\ufffd') || value.length > start.length) return text.slice(0, longestSample);
  return start.toString('hex').slice(0, longestSample);
}
