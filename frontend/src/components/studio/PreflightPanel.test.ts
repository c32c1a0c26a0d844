import { fireEvent, screen, within } from '@testing-library/vue'
import { expect, it, vi } from 'vitest'
import type { Preflight } from '@/api/preflight'
import { mount } from '@/testing/mount'
import PreflightPanel from './PreflightPanel.vue'

// The drawing needs a canvas; what it is told is tested by itself.
vi.mock('./lazyChart', () => ({ ChartCanvas: { template: '<div />' } }))

const told: Preflight = {
  version: { id: 'v', number: 3 },
  base_model: 'packaged:tiny',
  settings: {},
  records: { train: 40, validation: 4, golden: 8, dropped: 2 },
  examples: { train: 42, validation: 4, golden: 8 },
  left_out: [{ reason: 'Its last day of validity had passed.', count: 2 }],
  findings: [{ code: 'conflict', name: 'conflicting answers', count: 3 }],
  tokens: {
    measured: 42, total: 42, sampled: false, limit: 300, context: 2048, shortest: 120, longest: 420, mean: 200.4,
    histogram: [{ low: 100, high: 199, count: 30 }, { low: 400, high: 499, count: 1 }],
    too_long: 1, too_long_validation: 0, too_long_examples: [{ id: 'abc#0', record: 'abc', tokens: 420 }],
    sample: { id: 'abd#0', tokens: 120, pieces: [{ text: 'user\n 你是谁?', trained: false }, { text: '我是助手。', trained: true }] },
  },
  tokens_unknown: null,
  train_examples: 41,
  validation_examples: 4,
  steps: 15,
  epochs: 1.5,
  time: { value: 125, run: 7 },
  memory: { value: 2 ** 30, run: null },
  warnings: [
    { code: 'few_steps', message: '41 examples give 15 steps: too few.', params: {}, fix: { epochs: 8 } },
    { code: 'few_golden', message: 'Few golden records.', params: {}, fix: {} },
  ],
}

const panel = (changes: object = {}) =>
  mount(PreflightPanel, { props: { preflight: told, error: null, isLoading: false, needsFreeze: false, ...changes } })

it('tells the numbers first, and whether they were measured or estimated', () => {
  panel()
  expect(screen.getByTestId('preflight-examples').textContent).toContain('41')
  expect(screen.getByTestId('preflight-steps').textContent).toContain('15')
  expect(screen.getByTestId('preflight-time').textContent).toMatch(/about 2 min 5 sec.*as measured in run 7/)
  expect(screen.getByTestId('preflight-memory').textContent).toMatch(/about 1\.0 GB.*rough estimate/)
})

it('hands over the settings that mend a caution, and offers none where none would', async () => {
  const view = panel()
  const [few, golden] = screen.getAllByTestId('preflight-caution')
  if (!few || !golden) throw new Error('no cautions')
  expect(within(golden).queryByRole('button')).toBeNull()
  await fireEvent.click(within(few).getByRole('button', { name: 'Use Epochs: 8' }))
  expect(view.emitted().mend).toEqual([[{ epochs: 8 }]])
})

it('marks what is learnt for those who see no colour, and keeps every character', () => {
  panel()
  const sample = screen.getByTestId('trained-sample').querySelector('pre')
  expect(screen.getByTestId('trained').textContent).toBe('Learnt: 我是助手。')
  expect(sample?.textContent).toBe('user\n 你是谁?Learnt: 我是助手。')
})

it('names what is left out with its reason and the way to it', () => {
  panel()
  expect(screen.getByRole('link', { name: 'abc#0' }).getAttribute('href')).toBe('/admin/curation/record/abc/change/')
  expect(screen.getByTestId('preflight-left-out').textContent).toContain('2 × Its last day of validity had passed.')
  expect(screen.getByTestId('preflight-findings').textContent).toContain('conflicting answers 3')
})

it('says why lengths are not known, and that nothing is wrong where nothing is', () => {
  panel({
    preflight: { ...told, tokens: null, tokens_unknown: 'The tokenizer is not here.', warnings: [], time: { value: null, run: null } },
  })
  expect(screen.getByTestId('preflight-unknown').textContent).toBe('The tokenizer is not here.')
  expect(screen.getByTestId('preflight-fine')).toBeTruthy()
  expect(screen.getByTestId('preflight-time').textContent).toContain('known after a first run')
  expect(screen.queryByTestId('length-histogram')).toBeNull()
})

it('says what will be known once the version is frozen', () => {
  panel({ preflight: null, needsFreeze: true })
  expect(screen.getByTestId('preflight-freeze').textContent).toContain('Once it is frozen')
})
