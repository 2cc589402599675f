/** The Kafka client we use as a toolkit: connections, SASL and the requests that are not on the hot path. */
export type Toolkit = typeof import('@platformatic/kafka');

/** Loaded when a Kafka broker is opened, and only then: it costs 0.3 s and about 60 MiB. */
export function loadToolkit(): Promise<Toolkit> {
  return import('@platformatic/kafka');
}
