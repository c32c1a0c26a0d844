import { expect, it } from 'vitest'
import { render, screen } from '@testing-library/vue'
import App from './App.vue'

it('shows the name', () => {
  render(App)
  expect(screen.getByText('Loredesk')).toBeTruthy()
})
