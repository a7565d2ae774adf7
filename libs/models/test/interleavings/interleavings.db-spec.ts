import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { run } from '../../src/run.js';
import { deviations } from './recompute.js';
import { INSIDE, WORKING } from './working.js';
import { World } from './world.js';
import { WRITING, type Choice, type Line } from './writing.js';

// A history that fails is printed with its seed and path:
//   INGOT_TEST_SEED=... INGOT_TEST_PATH=... npm test -- interleavings
// INGOT_TEST_HISTORIES=1000 looks at more of them; INGOT_TEST_SHRINK=1 looks for a shorter one that fails, which takes minutes.
const { INGOT_TEST_SEED, INGOT_TEST_PATH, INGOT_TEST_HISTORIES, INGOT_TEST_SHRINK } = process.env;

const ACTIONS = [...WRITING, ...WORKING];
const line = fc.record<Line>({
  device: fc.constantFrom(null, 'a', 'b'),
  text: fc
    .tuple(fc.constantFrom('2030-01-01', '2030-01-02'), fc.constantFrom('V', 'V', 'C', 'C', 'Z', 'S'), fc.oneof({ weight: 8, arbitrary: fc.nat(99).map(String) }, { weight: 1, arbitrary: fc.constantFrom('', 'x', '50') }))
    .map((fields) => fields.join(' ')),
});
const choice = fc.record<Choice>({
  who: fc.nat(2),
  lines: fc.array(line, { minLength: 1, maxLength: 6 }),
  maxRows: fc.constantFrom(1, 3, 8, 1_000_000),
  at: fc.integer({ min: 1, max: 90 }),
  inside: fc.constantFrom(...INSIDE),
});
const action = fc.oneof(...ACTIONS.map(({ name, weight }) => ({ weight, arbitrary: fc.constant(name) })));
const history = fc.array(fc.record({ action, choice }), { minLength: 8, maxLength: 30, size: 'max' });

it('every table equals a recompute from bronze, whatever happens in whatever order', async () => {
  await fc.assert(
    fc.asyncProperty(history, async (steps) => {
      const world = await World.create();
      try {
        for (const { action: name, choice } of steps) {
          const chosen = ACTIONS.find((one) => one.name === name)!;
          if (!chosen.isAllowed(world, choice)) continue;
          world.log.push(`${name} ${JSON.stringify(choice)}`);
          await chosen.do(world, choice);
          // Not each time: it takes longer than most of what is looked at.
          if (WORKING.includes(chosen) && choice.at % 3 === 0) expect(await deviations(world.judge, world.dataset)).toEqual({});
        }
        for (const client of world.open) await client.query('commit');
        const runner = await world.runner(0);
        const plan = await world.plan(runner);
        for (let cut = true; cut; ) {
          const result = await run(runner, plan, { maxRows: 10 });
          if (result.outcome !== 'succeeded') throw new Error(result.outcome);
          cut = result.cut;
        }
        expect(await deviations(world.judge, world.dataset)).toEqual({});
      } catch (error) {
        throw new Error(`${(error as Error).message}\n${world.log.join('\n')}`, { cause: error });
      } finally {
        await world.end();
      }
    }),
    {
      numRuns: Number(INGOT_TEST_HISTORIES ?? 12),
      endOnFailure: INGOT_TEST_SHRINK === undefined,
      ...(INGOT_TEST_SEED === undefined ? {} : { seed: Number(INGOT_TEST_SEED) }),
      ...(INGOT_TEST_PATH === undefined ? {} : { path: INGOT_TEST_PATH }),
    },
  );
}, 600_000);
