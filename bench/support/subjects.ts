/** Several things measured beside each other: our program, the physical floors, what others would use. */
import { type Run, reportIngest } from './ingest-report.ts';

export interface Subject<Job> {
  readonly name: string;
  /** Left out for our program. */
  readonly beside?: 'floor' | 'peer';
  /** Of a peer: its version, and how it is set. */
  readonly settings?: string;
  measure(job: Job, round: number): Promise<Run>;
}

export interface SubjectsOptions {
  /** For programs: benchmark, broker, count, size, where. */
  readonly about: Readonly<Record<string, unknown>>;
  readonly runs: number;
  readonly unit: string;
  readonly json: boolean;
}

/** Round by round, each subject once in each: a machine that slows down does so for all. */
export async function measureSubjects<Job>(
  subjects: readonly Subject<Job>[],
  job: Job,
  { about, runs, unit, json }: SubjectsOptions,
): Promise<void> {
  const results = subjects.map(() => [] as Run[]);
  try {
    for (let round = 0; round < runs; round++)
      for (const [at, subject] of subjects.entries()) results[at]!.push(await subject.measure(job, round));
  } finally {
    // What was measured before one of them failed took minutes.
    report(subjects, results, { about, unit, json });
  }
}

function report<Job>(
  subjects: readonly Subject<Job>[],
  results: readonly (readonly Run[])[],
  { about, unit, json }: Omit<SubjectsOptions, 'runs'>,
): void {
  const width = Math.max(...subjects.map(({ name }) => name.length));
  for (const [at, { name, beside, settings }] of subjects.entries()) {
    if (results[at]!.length === 0) continue;
    if (!json && settings !== undefined) console.log(`${name}: ${settings}`);
    const more = { subject: name, beside, settings };
    const isOurs = beside === undefined;
    reportIngest(results[at]!, { about: { ...about, ...more }, label: name.padEnd(width), unit, json, isOurs });
  }
}
