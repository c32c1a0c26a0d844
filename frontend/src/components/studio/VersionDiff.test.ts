import { screen, waitFor } from '@testing-library/vue'
import { expect, it, vi } from 'vitest'
import { mount } from '@/testing/mount'
import FreezePreview from './FreezePreview.vue'
import VersionDiff from './VersionDiff.vue'

const api = vi.hoisted(() => ({ versionDiff: vi.fn(), versionPreview: vi.fn() }))
vi.mock('@/api/versions', () => api)

const counts = { added: 1, changed: 1, removed: 0, moved: 0, dropped: 0 }
const row = { record: 'r', instruction: 'question?', from_split: 'train', to_split: 'train', reason: '' }

it('lists what changed since the version before', async () => {
  api.versionDiff.mockResolvedValue({
    before: { id: 'a', number: 1 },
    after: { id: 'b', number: 2 },
    counts,
    next: null,
    results: [{ ...row, change: 'changed', from_revision: 1, to_revision: 3 }],
  })
  mount(VersionDiff, { props: { versionId: 'b' } })
  await waitFor(() => expect(screen.getByTestId('diff-row').textContent).toContain('revision 1 → 3'))
  expect(screen.getByText('Changes since version 1')).toBeTruthy()
  expect(api.versionDiff).toHaveBeenCalledWith('b', null, null)
})

it('says what a freeze would make', async () => {
  api.versionPreview.mockResolvedValue({
    counts: { train: 5, validation: 1, golden: 0, dropped: 1 },
    against: { id: 'a', number: 1 },
    changes: counts,
    findings: {},
    finding_names: {},
    expiring: 2,
    dropped_records: [{ record: 'r', instruction: 'old?', reason: 'Its last day of validity had passed.' }],
  })
  mount(FreezePreview, { props: { share: 0.1 } })
  const text = await waitFor(() => screen.getByTestId('freeze-preview').textContent)
  expect(text).toContain('5 training')
  expect(text).toContain('Since version 1: 1 added')
  expect(text).toContain('2 of them expire')
  expect(text).toContain('Its last day of validity had passed.')
})
