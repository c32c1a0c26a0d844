/** Runs before every test file: what happy-dom lacks and the pages need. */
import { afterEach } from 'vitest'
import { cleanup } from '@testing-library/vue'
import { keepIconsLocal } from '@/lib/icons'

keepIconsLocal()

afterEach(() => {
  cleanup()
  localStorage.clear()
})
