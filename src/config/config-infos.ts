import type { AnyOption } from './config-def.ts';
import { showValue } from './parse-value.ts';

/** JSON of Kafka Connect's validation answer (`PUT /connector-plugins/{p}/config/validate`). */
export interface ConfigInfos {
  readonly name: string;
  readonly error_count: number;
  readonly groups: readonly string[];
  readonly configs: readonly ConfigInfo[];
}

export interface ConfigInfo {
  /** null for a value that has no definition. */
  readonly definition: ConfigKeyInfo | null;
  readonly value: ConfigValueInfo;
}

export interface ConfigKeyInfo {
  readonly name: string;
  readonly type: string;
  readonly required: boolean;
  readonly default_value: string | null;
  readonly importance: string;
  readonly documentation: string;
  readonly group: string | null;
  readonly width: string;
  readonly display_name: string;
  readonly dependents: readonly string[];
  readonly order: number;
}

export interface ConfigValueInfo {
  readonly name: string;
  readonly value: string | null;
  readonly recommended_values: readonly string[];
  readonly errors: readonly string[];
  readonly visible: boolean;
}

/** A validated value, or one that no option stands for. */
export interface ShownValue {
  readonly name: string;
  readonly option: AnyOption | null;
  readonly value: unknown;
  readonly errors: readonly string[];
  /** False where a form has no use for it. Default true. */
  readonly visible?: boolean;
}

/** The answer for a class: `error_count` counts messages, groups are those of the options in order of appearance. */
export function configInfos(className: string, values: readonly ShownValue[]): ConfigInfos {
  const current = Object.fromEntries(values.map(({ name, value }) => [name, value]));
  const groups = new Set<string>();
  for (const { option } of values) if (option !== null && option.group !== null) groups.add(option.group);
  return {
    name: className,
    error_count: values.reduce((count, { errors }) => count + errors.length, 0),
    groups: [...groups],
    configs: values.map((value) => configInfo(value, current)),
  };
}

export function configKeyInfo(name: string, option: AnyOption): ConfigKeyInfo {
  return {
    name,
    type: option.type,
    required: option.default === undefined,
    default_value: showValue(option.type, option.default),
    importance: option.importance,
    documentation: option.doc,
    group: option.group,
    width: option.width,
    display_name: option.displayName ?? name,
    dependents: option.dependents,
    order: option.order,
  };
}

function configInfo(
  { name, option, value, errors, visible = true }: ShownValue,
  current: Readonly<Record<string, unknown>>,
): ConfigInfo {
  return {
    definition: option === null ? null : configKeyInfo(name, option),
    value: {
      name,
      value: showValue(option?.type ?? 'STRING', value),
      recommended_values: option?.recommend?.(current) ?? [],
      errors,
      visible,
    },
  };
}
