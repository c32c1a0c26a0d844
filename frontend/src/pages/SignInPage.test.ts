import { fireEvent, screen, waitFor } from '@testing-library/vue'
import { beforeEach, expect, it, vi } from 'vitest'
import { mount } from '@/testing/mount'
import SignInPage from './SignInPage.vue'

const api = vi.hoisted(() => ({ sessionCreate: vi.fn() }))
vi.mock('@/api/session', () => api)

beforeEach(() => api.sessionCreate.mockReset())

async function signIn(path = '/signin') {
  const view = mount(SignInPage, { path })
  await view.router.isReady()
  await fireEvent.update(screen.getByTestId('signin-username'), ' curator ')
  await fireEvent.update(screen.getByTestId('signin-password'), ' pass word ')
  await fireEvent.submit(screen.getByTestId('signin-submit').closest('form') as HTMLFormElement)
  return view
}

it('goes where one wanted to go', async () => {
  api.sessionCreate.mockResolvedValue({ user: null })
  const { router } = await signIn('/signin?next=/studio/runs')
  await waitFor(() => expect(router.currentRoute.value.fullPath).toBe('/studio/runs'))
  expect(api.sessionCreate).toHaveBeenCalledWith('curator', ' pass word ')
})

it('does not go to a foreign host', async () => {
  api.sessionCreate.mockResolvedValue({ user: null })
  const { router } = await signIn('/signin?next=//evil.example')
  await waitFor(() => expect(router.currentRoute.value.fullPath).toBe('/'))
})

it('asks for both before it asks the server', async () => {
  mount(SignInPage)
  await fireEvent.submit(screen.getByTestId('signin-submit').closest('form') as HTMLFormElement)
  expect(screen.getByRole('alert').textContent).toContain('Enter your user name')
  expect(api.sessionCreate).not.toHaveBeenCalled()
})
