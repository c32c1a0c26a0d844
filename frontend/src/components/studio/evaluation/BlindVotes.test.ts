import { fireEvent, screen, waitFor } from '@testing-library/vue'
import { beforeEach, expect, it, vi } from 'vitest'
import { mount } from '@/testing/mount'
import BlindVotes from './BlindVotes.vue'

const api = vi.hoisted(() => ({ blindVoteNext: vi.fn(), blindVoteCast: vi.fn() }))
vi.mock('@/api/evaluations', () => api)

const evaluation = { id: 'e', reference: 'production', votes: { candidate: 0, reference: 0, tie: 0 } }
const pair = { id: 'v', question: 'Who?', first: 'Me.', second: 'You.', choice: '', candidate: '' }

beforeEach(() => void vi.resetAllMocks())

it('tells whose answer it was only after the choice', async () => {
  api.blindVoteNext.mockResolvedValue(pair)
  api.blindVoteCast.mockResolvedValue({ ...pair, choice: 'second', candidate: 'second' })
  const { emitted } = mount(BlindVotes, { props: { evaluation } })
  await fireEvent.click(screen.getByTestId('vote-next'))
  await waitFor(() => expect(screen.getByText('You.')).toBeTruthy())
  expect(screen.queryByText('Candidate')).toBeNull()
  await fireEvent.click(screen.getByTestId('vote-second'))
  await waitFor(() => expect(screen.getByText('Candidate')).toBeTruthy())
  expect(screen.getByText('In production')).toBeTruthy()
  expect(api.blindVoteCast).toHaveBeenCalledWith('v', 'second')
  expect(emitted('voted')).toHaveLength(1)
})

it('says when there is nothing left to vote on', async () => {
  api.blindVoteNext.mockResolvedValue(undefined)
  mount(BlindVotes, { props: { evaluation } })
  await fireEvent.click(screen.getByTestId('vote-next'))
  await waitFor(() => expect(screen.getByText(/You have voted on every question/)).toBeTruthy())
  expect(screen.queryByTestId('vote-next')).toBeNull()
})
