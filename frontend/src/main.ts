import './assets/main.css'
import ui from '@nuxt/ui/vue-plugin'
import { createPinia } from 'pinia'
import { createApp } from 'vue'
import App from './App.vue'
import { startTheme } from './composables/useTheme'
import { applyLanguage, i18n, preferredLanguage } from './i18n'
import { keepIconsLocal } from './lib/icons'
import { makeRouter } from './router'

keepIconsLocal()
startTheme()
applyLanguage(preferredLanguage())
createApp(App).use(createPinia()).use(i18n).use(makeRouter()).use(ui).mount('#app')
