import { fireEvent, screen, waitFor } from '@testing-library/vue'
import { beforeEach, expect, it, vi } from 'vitest'
import { mount } from '@/testing/mount'
import FreezePreview from './FreezePreview.vue'
import VersionDiff from './VersionDiff.vue'

const api = vi.hoisted(() => ({ versionAll: vi.fn(), versionDiff: vi.fn(), versionPreview: vi.fn(), versionRecordDiff: vi.fn() }))
vi.mock('@/api/versions', () => api)

const counts = { added: 1, changed: 1, removed: 0, moved: 0, dropped: 0 }
const row = { record: 'r', instruction: 'question?', from_split: 'train', to_split: 'train', reason: '' }

const versions = [3, 2, 1].map((number) => ({ id: `v${number}`, number }))

function diffOf(...results: object[]) {
  return { before: versions[2], after: versions[1], counts, next: null, results: results.map((own) => ({ ...row, ...own })) }
}

beforeEach(() => {
  vi.resetAllMocks()
  api.versionAll.mockResolvedValue(versions)
  api.versionDiff.mockResolvedValue(diffOf())
})

it('lists what changed since the version before', async () => {
  api.versionDiff.mockResolvedValue(diffOf({ change: 'changed', from_revision: 1, to_revision: 3 }))
  mount(VersionDiff, { props: { version: versions[1] } })
  await waitFor(() => expect(screen.getByTestId('diff-row').textContent).toContain('revision 1 → 3'))
  expect(screen.getByText('Changes from version 1 to version 2')).toBeTruthy()
  expect(api.versionDiff.mock.calls).toEqual([['v2', 'v1', null]])
})

it('compares with the version that the address asks for, the earlier one first', async () => {
  mount(VersionDiff, { props: { version: versions[2] }, path: '/?against=3' })
  await waitFor(() => expect(screen.getByText('Nothing differs between version 1 and version 3.')).toBeTruthy())
  expect(api.versionDiff).toHaveBeenLastCalledWith('v3', 'v1', null)
})

it('compares anew when the address changes, and keeps no older answer', async () => {
  const { router } = mount(VersionDiff, { props: { version: versions[0] } })
  const late: ((diff: object) => void)[] = []
  api.versionDiff.mockReturnValueOnce(new Promise((resolve) => late.push(resolve)))
  await waitFor(() => expect(api.versionDiff).toHaveBeenCalledTimes(1))
  api.versionDiff.mockResolvedValueOnce(diffOf({ change: 'added', instruction: 'of version 1', from_revision: null, to_revision: 1 }))
  await router.replace({ query: { against: '1' } })
  await waitFor(() => expect(screen.getByText('of version 1')).toBeTruthy())
  late[0]?.(diffOf({ change: 'added', instruction: 'late', from_revision: null, to_revision: 1 }))
  await new Promise((resolve) => setTimeout(resolve))
  expect(screen.queryByText('late')).toBeNull()
  expect(screen.getByText('Changes from version 1 to version 3')).toBeTruthy()
})

it('shows nothing where there is no other version', async () => {
  api.versionAll.mockResolvedValue([versions[2]])
  const { container } = mount(VersionDiff, { props: { version: versions[2] } })
  await waitFor(() => expect(api.versionAll).toHaveBeenCalled())
  expect(container.textContent).toBe('')
  expect(api.versionDiff).not.toHaveBeenCalled()
})

it('reads the fields of a changed record once, when it is opened', async () => {
  api.versionDiff.mockResolvedValue(diffOf({ change: 'changed', from_revision: 1, to_revision: 2 }))
  const pieces = [
    { kind: 'same', text: 'It is ' },
    { kind: 'removed', text: '13' },
    { kind: 'added', text: '14' },
  ]
  api.versionRecordDiff.mockResolvedValue([{ name: 'output', title: 'answer', pieces }])
  mount(VersionDiff, { props: { version: versions[1] } })
  const toggle = await screen.findByTestId('diff-toggle')
  expect(api.versionRecordDiff).not.toHaveBeenCalled()
  expect(toggle.getAttribute('aria-expanded')).toBe('false')
  await fireEvent.click(toggle)
  const field = await screen.findByTestId('diff-field')
  expect(field.querySelector('del')?.textContent).toBe('13')
  expect(field.querySelector('ins')?.textContent).toBe('14')
  expect(field.textContent).toContain('answer')
  expect(toggle.getAttribute('aria-expanded')).toBe('true')
  await fireEvent.click(toggle)
  await fireEvent.click(toggle)
  expect(api.versionRecordDiff.mock.calls).toEqual([['v2', 'v1', 'r']])
})

it('names what was added, moved and erased, without fields', async () => {
  api.versionDiff.mockResolvedValue(
    diffOf(
      { record: 'a', change: 'added', instruction: 'new?', from_revision: null, to_revision: 1, from_split: null },
      { record: 'b', change: 'moved', from_revision: 1, to_revision: 1, to_split: 'golden' },
      { record: 'c', change: 'removed', instruction: '', from_revision: 1, to_revision: null, to_split: null },
    ),
  )
  mount(VersionDiff, { props: { version: versions[1] } })
  const [added, moved, removed] = await screen.findAllByTestId('diff-row')
  expect(added?.textContent).toContain('new?')
  expect(moved?.textContent).toContain('Training → Golden')
  expect(removed?.textContent).toContain('erased')
  expect(screen.queryByTestId('diff-toggle')).toBeNull()
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
