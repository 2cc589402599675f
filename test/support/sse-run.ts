import type { SourceConnector } from '../../src/connectors/contract.ts';
import { sseSource } from '../../src/connectors/sse-source/connector.ts';
import type { SourceRecord } from '../../src/record/source-record.ts';
import { ConnectorRun, type RunOptions } from './connector-context.ts';

/** The SSE source over this URL, with short waits. */
export function runSse(
  url: string,
  config: Readonly<Record<string, string>> = {},
  options: RunOptions = {},
  connector: SourceConnector = sseSource(),
): ConnectorRun {
  const whole = {
    'sse.uri': url,
    topic: 't',
    'retry.backoff.initial.ms': '20',
    'retry.backoff.max.ms': '200',
    ...config,
  };
  return new ConnectorRun(connector, whole, { ...options, prefix: 'tributary_sse_' });
}

export interface SeenEvent {
  readonly event: string;
  readonly id: string | null;
  readonly data: string;
}

export function eventsOf(records: readonly SourceRecord[]): SeenEvent[] {
  return records.map(({ value }) => {
    const { event, id, data } = value as Record<string, Uint8Array | null>;
    return { event: textOf(event!), id: id === null ? null : textOf(id!), data: textOf(data!) };
  });
}

export function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('utf8');
}
