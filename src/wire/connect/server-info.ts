/** The answer of `GET /`. */
export interface ServerInfo {
  /** Of the Kafka Connect interface that is spoken, `X.Y.Z`: clients unlock stop, offsets and PATCH by it. */
  readonly version: string;
  /** What runs, `tributary-X.Y.Z`: the only member of this answer that no client takes apart. */
  readonly commit: string;
  readonly kafka_cluster_id: string;
}

/** The answer of `GET /health`. */
export interface HealthInfo {
  readonly status: 'healthy' | 'starting' | 'unhealthy';
  readonly message: string;
  /** Of ours, for who asks with `?group=…&cluster=…`: how long ago that group answered, and for how long it had until then. */
  readonly group?: { readonly heard_ago_ms: number; readonly heard_for_ms: number };
}

export const healthStatusCodes: Readonly<Record<HealthInfo['status'], number>> = {
  healthy: 200,
  starting: 503,
  unhealthy: 500,
};
