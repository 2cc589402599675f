import type { Create, Name, Partition, Query, Script } from '../ast/ast.ts';
import type { Environment } from '../functions/scalar-function.ts';
import { parse } from '../parse/parse.ts';
import { didYouMean, SqlError, SqlProblem } from '../sql-error.ts';
import { checkDeadLetters } from './dead-letters.ts';
import type { StreamOf } from './input.ts';
import { type CheckedQuery, checkQuery } from './query.ts';
import type { PartitionPlan, QueryPlan } from './query-plan.ts';
import { checkCreate, type StreamPlan } from './stream-plan.ts';
import { bindTarget } from './target.ts';

/** A script in which every name is known and every type fits. */
export interface ScriptPlan {
  readonly streams: ReadonlyMap<string, StreamPlan>;
  /** In the order of the script. */
  readonly queries: readonly QueryPlan[];
  readonly partitions: readonly PartitionPlan[];
}

/** Checks a script before anything of it runs. Throws SqlError at the first thing that is wrong. */
export function check(script: string, environment: Environment): ScriptPlan {
  try {
    return new Checker(parse(script), environment).plan();
  } catch (error) {
    throw error instanceof SqlProblem ? new SqlError(error, script) : error;
  }
}

interface Written {
  readonly query: Query;
  readonly partition?: Partition;
}

/** Streams that nobody declared have the columns of the first query that writes them, wherever that stands. */
class Checker {
  private readonly streams = new Map<string, StreamPlan>();
  private readonly creates: readonly Create[];
  private readonly queries: readonly Written[];
  private readonly partitions: readonly Partition[];
  private readonly partitionPlans = new Map<Partition, PartitionPlan>();
  private readonly checked = new Map<number, CheckedQuery | 'in progress'>();
  private readonly environment: Environment;

  constructor({ statements }: Script, environment: Environment) {
    this.environment = environment;
    this.creates = statements.filter((statement) => statement.kind === 'create');
    for (const create of this.creates) {
      if (this.streams.has(create.name.text))
        throw new SqlProblem('E_DUPLICATE', create.name.at, `'${create.name.text}' has been declared already`);
      this.streams.set(create.name.text, checkCreate(create));
    }
    this.queries = statements.flatMap((statement): Written[] => {
      if (statement.kind === 'query') return [{ query: statement }];
      return statement.kind === 'partition' ? statement.queries.map((query) => ({ query, partition: statement })) : [];
    });
    this.partitions = statements.filter((statement) => statement.kind === 'partition');
  }

  plan(): ScriptPlan {
    const partitions = this.partitions.map((partition) => this.partitionPlan(partition));
    const checked = this.queries.map((_, index) => this.queryAt(index));
    const queries = checked.map((plan, index): QueryPlan => {
      const { query } = this.queries[index]!;
      const target = this.streamOf({ at: query.at, text: plan.target });
      return { ...plan, ...bindTarget(query, plan, target, query.target?.at ?? query.at) };
    });
    for (const create of this.creates) checkDeadLetters(create, (name) => this.streamOf(name));
    return { streams: this.streams, queries, partitions };
  }

  private queryAt(index: number): CheckedQuery {
    const known = this.checked.get(index);
    const { query, partition } = this.queries[index]!;
    if (known === 'in progress') {
      const target = query.target?.text ?? 'OutputStream';
      throw new SqlProblem(
        'E_UNKNOWN_STREAM',
        query.target?.at ?? query.at,
        `the columns of '${target}' cannot be known: the query that makes it reads it. Declare it`,
      );
    }
    if (known !== undefined) return known;
    this.checked.set(index, 'in progress');
    const plan = checkQuery(query, index, this.lookup, this.environment, partition && this.partitionPlan(partition));
    this.checked.set(index, plan);
    return plan;
  }

  private readonly lookup: StreamOf = Object.assign((name: Name) => this.streamOf(name), {
    has: (name: string) => this.streams.has(name) || this.writerOf(name) !== -1,
  });

  private writerOf(name: string): number {
    return this.queries.findIndex(({ query }) => (query.target?.text ?? 'OutputStream') === name);
  }

  private streamOf(name: Name): StreamPlan {
    const known = this.streams.get(name.text);
    if (known !== undefined) return known;
    const writer = this.writerOf(name.text);
    if (writer === -1) {
      const names = [...this.streams.keys(), ...this.queries.map(({ query }) => query.target?.text ?? 'OutputStream')];
      throw new SqlProblem('E_UNKNOWN_STREAM', name.at, `unknown stream '${name.text}'${didYouMean(name.text, names)}`);
    }
    const { columns } = this.queryAt(writer);
    const stream: StreamPlan = {
      name: name.text,
      isTable: false,
      isDeclared: false,
      columns,
      primaryKey: [],
      options: { role: 'internal', values: new Map() },
    };
    this.streams.set(name.text, stream);
    return stream;
  }

  private partitionPlan(partition: Partition): PartitionPlan {
    const known = this.partitionPlans.get(partition);
    if (known !== undefined) return known;
    const keys = new Map<string, number>();
    for (const { column, stream } of partition.keys) {
      const { name, columns, isTable } = this.streamOf(stream);
      if (isTable)
        throw new SqlProblem('E_TABLE', stream.at, `table '${name}' cannot be partitioned: only streams can`);
      if (keys.has(name)) throw new SqlProblem('E_DUPLICATE', stream.at, `stream '${name}' has a key already`);
      const index = columns.findIndex((known) => known.name === column.text);
      if (index === -1) {
        const hint = didYouMean(
          column.text,
          columns.map((known) => known.name),
        );
        throw new SqlProblem('E_UNKNOWN_COLUMN', column.at, `unknown column '${column.text}' of ${name}${hint}`);
      }
      keys.set(name, index);
    }
    const plan = { index: this.partitions.indexOf(partition), keys };
    this.partitionPlans.set(partition, plan);
    return plan;
  }
}
