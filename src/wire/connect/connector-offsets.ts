/** The answer of `GET /connectors/{c}/offsets`. */
export interface ConnectorOffset {
  readonly partition: Readonly<Record<string, unknown>>;
  readonly offset: Readonly<Record<string, unknown>>;
}

export interface ConnectorOffsets {
  readonly offsets: readonly ConnectorOffset[];
}
