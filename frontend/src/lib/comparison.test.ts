import { describe, expect, it } from 'vitest'
import { comparedIds, onScale, runResult, settingsDiff } from './comparison'
import { emptySeries } from './metrics'

describe('comparedIds', () => {
  it('takes each run once and no more than six', () => {
    expect(comparedIds('a, b,a,,c')).toEqual(['a', 'b', 'c'])
    expect(comparedIds('1,2,3,4,5,6,7')).toHaveLength(6)
    expect(comparedIds(['a', 'b'])).toEqual(['a', 'b'])
    expect(comparedIds(undefined)).toEqual([])
  })
})

describe('settingsDiff', () => {
  it('shows only what differs, also in lists, null and what one run does not have', () => {
    const one = { epochs: 3, seed: 1, lora_targets: ['mlp'], max_steps: null }
    const other = { epochs: 3, seed: 2, lora_targets: ['mlp', 'q_proj'], max_steps: 5, packing: 'on' }
    expect(settingsDiff([one, other])).toEqual([
      { name: 'seed', values: [1, 2] },
      { name: 'lora_targets', values: [['mlp'], ['mlp', 'q_proj']] },
      { name: 'max_steps', values: [null, 5] },
      { name: 'packing', values: [undefined, 'on'] },
    ])
    expect(settingsDiff([one, structuredClone(one)])).toEqual([])
  })
})

describe('onScale', () => {
  it('stretches runs of different length over their epochs', () => {
    expect(onScale([[10, 3], [20, 2]], { step: 20, epoch: 4 }, 'epoch')).toEqual([[2, 3], [4, 2]])
    expect(onScale([[10, 3]], { step: 20, epoch: 4 }, 'step')).toEqual([[10, 3]])
    expect(onScale([[10, 3]], { step: 0, epoch: 0 }, 'epoch')).toEqual([])
  })
})

describe('runResult', () => {
  it('means the last tenth of the losses and finds the best validation', () => {
    const series = emptySeries()
    series.loss = Array.from({ length: 20 }, (_, step) => [step, 20 - step])
    series.eval_loss = [[5, 2], [10, 1.5], [15, 1.8]]
    series.tokens_per_second = [[1, 5], [2, 100], [3, 90]]
    series.memory_bytes = [[1, 7], [2, 9]]
    const run = { started_at: '2026-01-01T00:00:00Z', finished_at: '2026-01-01T00:01:30Z' }
    expect(runResult(run, series)).toEqual({
      loss: 1.5, evalLoss: 1.8, bestEvalLoss: 1.5, bestStep: 10, tokensPerSecond: 90, memoryBytes: 9, seconds: 90,
    })
  })

  it('makes nothing up for a run that has measured nothing', () => {
    expect(Object.values(runResult({ started_at: null, finished_at: null }, emptySeries()))).toEqual(Array(7).fill(null))
  })
})
