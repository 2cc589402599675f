/** In their order: a gateway has its subscribers before it is killed. Apart from the scenarios, which load much to run. */
export const scenarioNames = ['fan-out', 'paced', 'publish', 'stalled', 'many', 'come-back'] as const;
export type ScenarioName = (typeof scenarioNames)[number];
