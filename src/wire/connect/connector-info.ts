/** Answers about what a connector is: `GET /connectors/{c}`, `…/tasks`. */
export type ConnectorType = 'source' | 'sink' | 'unknown';

export interface TaskId {
  readonly connector: string;
  readonly task: number;
}

export interface ConnectorInfo {
  readonly name: string;
  readonly config: Readonly<Record<string, string | null>>;
  readonly tasks: readonly TaskId[];
  readonly type: ConnectorType;
}

export interface TaskInfo {
  readonly id: TaskId;
  readonly config: Readonly<Record<string, string | null>>;
}

export function taskIds(connector: string, count: number): readonly TaskId[] {
  return Array.from({ length: count }, (_, task) => ({ connector, task }));
}

export function taskInfos(
  connector: string,
  configs: readonly Readonly<Record<string, string | null>>[],
): readonly TaskInfo[] {
  return configs.map((config, task) => ({ id: { connector, task }, config }));
}
