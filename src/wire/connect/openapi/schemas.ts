/** Shapes of the OpenAPI document: JSON Schema of what requests and answers hold. */

export type JsonSchema = Readonly<Record<string, unknown>>;

const text: JsonSchema = { type: 'string' };
const textOrNull: JsonSchema = { type: ['string', 'null'] };
const whole: JsonSchema = { type: 'integer' };
const wholeOrNull: JsonSchema = { type: ['integer', 'null'] };
const flag: JsonSchema = { type: 'boolean' };
const scalar: JsonSchema = { type: ['string', 'number', 'boolean'] };
const base64: JsonSchema = { enum: ['base64'] };
const anyObject: JsonSchema = { type: 'object' };
const state: JsonSchema = { enum: ['UNASSIGNED', 'RUNNING', 'PAUSED', 'STOPPED', 'FAILED', 'RESTARTING'] };
const connectorType: JsonSchema = { enum: ['source', 'sink', 'unknown'] };
const logLevel: JsonSchema = { enum: ['OFF', 'FATAL', 'ERROR', 'WARN', 'INFO', 'DEBUG', 'TRACE', 'ALL'] };

export const schemas = {
  ErrorBody: object({ error_code: whole, message: text }),
  ServerInfo: object({ version: text, commit: text, kafka_cluster_id: text }),
  HealthInfo: object(
    {
      status: { enum: ['healthy', 'starting', 'unhealthy'] },
      message: text,
      group: object({ heard_ago_ms: whole, heard_for_ms: whole }),
    },
    ['status', 'message'],
  ),
  Config: {
    type: 'object',
    additionalProperties: textOrNull,
    description: 'Flat map of options. Numbers and booleans are taken by their text',
  },
  CreateRequest: object(
    {
      name: text,
      config: ref('Config'),
      initial_state: { type: ['string', 'null'], description: 'RUNNING (default), PAUSED or STOPPED, in any case' },
    },
    ['name', 'config'],
  ),
  TaskId: object({ connector: text, task: whole }),
  ConnectorInfo: object({ name: text, config: ref('Config'), tasks: listOf(ref('TaskId')), type: connectorType }),
  TaskInfo: object({ id: ref('TaskId'), config: ref('Config') }),
  StateInfo: object({ state, worker_id: text, version: textOrNull, trace: text }, ['state', 'worker_id', 'version']),
  TaskStateInfo: object(
    {
      id: whole,
      state,
      worker_id: text,
      version: textOrNull,
      trace: text,
      detail: { type: 'string', description: 'What the task says of itself; not of Kafka Connect' },
    },
    ['id', 'state', 'worker_id', 'version'],
  ),
  ConnectorStateInfo: object({
    name: text,
    connector: ref('StateInfo'),
    tasks: listOf(ref('TaskStateInfo')),
    type: connectorType,
  }),
  Expanded: mapOf(object({ info: ref('ConnectorInfo'), status: ref('ConnectorStateInfo') }, [])),
  ActiveTopics: mapOf(object({ topics: listOf(text) })),
  ConnectorOffsets: object({ offsets: listOf(object({ partition: anyObject, offset: anyObject })) }),
  OffsetChanges: object({
    offsets: listOf(
      object({ partition: { type: ['object', 'null'] }, offset: { type: ['object', 'null'] } }, ['partition']),
    ),
  }),
  Message: object({ message: text }),
  Plugin: object({
    class: text,
    type: { enum: ['source', 'sink', 'transformation', 'predicate', 'converter', 'header_converter'] },
    version: text,
  }),
  ConfigKeyInfo: object({
    name: text,
    type: text,
    required: flag,
    default_value: textOrNull,
    importance: { enum: ['HIGH', 'MEDIUM', 'LOW'] },
    documentation: text,
    group: textOrNull,
    width: text,
    display_name: text,
    dependents: listOf(text),
    order: whole,
  }),
  ConfigValueInfo: object({
    name: text,
    value: textOrNull,
    recommended_values: listOf(text),
    errors: listOf(text),
    visible: flag,
  }),
  ConfigInfos: object({
    name: text,
    error_count: whole,
    groups: listOf(text),
    configs: listOf(
      object({ definition: { anyOf: [ref('ConfigKeyInfo'), { type: 'null' }] }, value: ref('ConfigValueInfo') }),
    ),
  }),
  LoggerLevel: object({ level: logLevel, last_modified: { type: ['integer', 'null'] } }),
  Loggers: mapOf(ref('LoggerLevel')),
  LoggerChange: object({ level: { type: 'string', description: 'A level, in any case' } }),
  Names: listOf(text),
  TopicSummary: object({ name: text, partitions: whole, records: whole }),
  TopicToCreate: object({ name: text, partitions: whole, replicationFactor: whole, config: mapOf(scalar) }, ['name']),
  TopicDetails: object({
    name: text,
    id: text,
    partitions: listOf(
      object({ partition: whole, leader: whole, replicas: listOf(whole), earliest: whole, latest: whole }),
    ),
    config: mapOf(text),
  }),
  HeaderJson: object({ key: text, value: textOrNull, encoding: base64 }, ['key', 'value']),
  TapRecord: object(
    {
      partition: whole,
      offset: whole,
      timestamp: whole,
      key: textOrNull,
      keyEncoding: base64,
      value: textOrNull,
      valueEncoding: base64,
      headers: listOf(ref('HeaderJson')),
    },
    ['partition', 'offset', 'timestamp', 'key', 'value', 'headers'],
  ),
  SpoolLog: object({
    connector: text,
    task: whole,
    topic: text,
    records: whole,
    bytes: whole,
    oldestMs: wholeOrNull,
    position: whole,
    end: whole,
    mode: text,
    isOrphan: flag,
  }),
  SpoolEntry: object(
    {
      task: whole,
      topic: text,
      offset: whole,
      timestamp: whole,
      key: textOrNull,
      keyEncoding: base64,
      value: textOrNull,
      valueEncoding: base64,
      headers: listOf(ref('HeaderJson')),
      damaged: object({ from: whole, to: whole, reason: text }),
    },
    ['task', 'topic'],
  ),
  RecordInput: object(
    {
      key: textOrNull,
      keyEncoding: base64,
      value: textOrNull,
      valueEncoding: base64,
      headers: listOf(ref('HeaderJson')),
      partition: whole,
      timestamp: whole,
    },
    ['value'],
  ),
  Produced: object({ topic: text, records: whole }),
  SqlScript: object({ sql: text }),
  SqlProblem: object({
    code: { type: 'string', description: 'E_SYNTAX, E_UNKNOWN_STREAM, …' },
    line: { type: 'integer', description: 'From 1' },
    column: { type: 'integer', description: 'From 1, in code points' },
    message: text,
    text: { type: 'string', description: 'The line of the script, secrets starred out' },
    caret: { type: 'string', description: 'Blanks up to the place in the text, and a caret' },
  }),
  SqlCheck: object({
    valid: flag,
    errors: { type: 'array', items: ref('SqlProblem'), description: 'Checking ends at the first' },
  }),
  SqlRefusal: object({
    error_code: whole,
    message: text,
    errors: { type: 'array', items: ref('SqlProblem'), description: 'As /sql/check gives them' },
  }),
  SqlStep: object({ operator: text, detail: text }),
  SqlPlan: object({
    text: { type: 'string', description: 'The plan for people' },
    streams: listOf(
      object(
        {
          name: text,
          kind: { enum: ['source', 'sink', 'table', 'stream'] },
          extension: text,
          format: text,
          columns: listOf(object({ name: text, type: text, notNull: flag })),
          eventTime: object({ column: text, watermarkDelayMs: whole }),
          madeBy: { type: 'integer', description: 'Number of the query that makes it, where nobody declared it' },
        },
        ['name', 'kind', 'columns'],
      ),
    ),
    queries: listOf(
      object({ number: whole, sql: text, target: text, partitionedBy: listOf(text), steps: listOf(ref('SqlStep')) }, [
        'number',
        'sql',
        'target',
        'steps',
      ]),
    ),
    maxState: { type: 'integer', description: 'Rows, groups and partial matches that each query may keep' },
    parts: object(
      {
        whole: { type: 'string', description: 'Why it runs as one part, whatever tasks.max says' },
        meetings: listOf(object({ query: whole, how: text })),
        repartitions: listOf(object({ stream: text, by: listOf(text) })),
      },
      ['meetings', 'repartitions'],
    ),
  }),
} as const;

export type SchemaName = keyof typeof schemas;

export function ref(name: string): JsonSchema {
  return { $ref: `#/components/schemas/${name}` };
}

export function listOf(items: JsonSchema): JsonSchema {
  return { type: 'array', items };
}

function mapOf(additionalProperties: JsonSchema): JsonSchema {
  return { type: 'object', additionalProperties };
}

/** Every member is required unless it is said which are. */
function object(properties: Readonly<Record<string, JsonSchema>>, required = Object.keys(properties)): JsonSchema {
  return { type: 'object', properties, ...(required.length === 0 ? {} : { required }) };
}
