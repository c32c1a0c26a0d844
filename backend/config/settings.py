"""Django's settings, all from ``env.read()``; nothing here differs between machines otherwise."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

from backend.config import env

ENV = env.read()
BASE_DIR = env.ROOT
VERSION = re.findall(r"^## \[(\d[^\]]*)\]", (BASE_DIR / "CHANGELOG.md").read_text("utf-8"), re.M)[0]

SECRET_KEY = ENV.secret_key
DEBUG = ENV.debug
ALLOWED_HOSTS = ENV.allowed_hosts
CSRF_TRUSTED_ORIGINS = ENV.csrf_trusted_origins

# The product's own.
FOUR_EYES = ENV.four_eyes
EVALUATION_REQUIRED = ENV.evaluation_required
EMBEDDED = ENV.embedded
DATA_DIR: Path = ENV.data_dir
MODELS_DIR: Path = ENV.models_dir
RUNS_DIR: Path = ENV.runs_dir
# Each of these is worked on by one job at a time.
TRAINING_DEVICES: list[str] = ENV.training_devices
JUDGE_URL: str = ENV.judge_url
JUDGE_MODEL: str = ENV.judge_model
JUDGE_API_KEY: str = ENV.judge_api_key
BASE_MODEL = ENV.base_model
MODEL_HUB = ENV.model_hub
MODEL_SERVER_URL = ENV.model_server_url
MODEL_SERVER_API_KEY = ENV.model_server_api_key
DEFAULT_ASSISTANT = ENV.default_assistant
REDIS_URL = ENV.redis_url
FRONTEND_DIST = BASE_DIR / "frontend" / "dist"
# A file of records may be as large as this, whatever else is sent only as large as an ordinary
# request, and what somebody sends who is not signed in only as large as a form.
TRAINING_PROCESSES = ENV.training_processes
MAX_UPLOAD_BYTES = ENV.max_upload_mb * 2**20
MAX_BODY_BYTES = 20 * 2**20
MAX_ANONYMOUS_BODY_BYTES = 2**20
LARGE_UPLOAD_PATHS = ("/api/v1/records/import", "/admin/curation/record/import/")
# What is larger is imported by the worker.
IMPORT_AT_ONCE_BYTES = 4 * 2**20
IMPORT_AT_ONCE_ROWS = 2000

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "channels",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "backend.common",
    "backend.accounts",
    "backend.assistants",
    "backend.curation",
    "backend.training",
    "backend.serving",
    "backend.chat",
    "backend.api",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "backend.accounts.middleware.OwnLanguageMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "backend.config.urls"
ASGI_APPLICATION = "backend.config.asgi.application"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "backend" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]

_database = urlsplit(ENV.database_url)
DATABASES: dict[str, dict[str, Any]] = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(_database.path.lstrip("/")),
        "USER": unquote(_database.username or ""),
        "PASSWORD": unquote(_database.password or ""),
        "HOST": unquote(_database.hostname or ""),
        "PORT": str(_database.port or ""),
        # A connection goes back to the pool after each step, so that none is held while an
        # answer streams; the health check replaces those that a restarted database dropped.
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {"pool": {"min_size": 1, "max_size": 12, "timeout": 10}},
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}
}
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [REDIS_URL], "prefix": "loredesk:layer"},
    }
}

CELERY_BROKER_URL = REDIS_URL
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# A page that enqueues while Redis is away must not wait long: the database is the truth, and what
# was not enqueued is found by a timer.
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "max_retries": 1,
    "interval_start": 0,
    "interval_step": 0.1,
    "interval_max": 0.2,
}
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "knowledge"
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = "UTC"
CELERY_TASK_ROUTES = {"backend.training.tasks.*": {"queue": "training"}}

AUTH_USER_MODEL = "accounts.User"
CSRF_FAILURE_VIEW = "backend.api.errors.csrf_failure"
LOGIN_URL = "/signin"
LOGIN_REDIRECT_URL = "/"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = ENV.secure_cookies
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
# Two clones on one machine share the host name, so their cookies need names of their own.
if EMBEDDED:
    import hashlib

    _clone = hashlib.sha256(str(DATA_DIR).encode()).hexdigest()[:8]
    SESSION_COOKIE_NAME = f"loredesk_session_{_clone}"
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"
if ENV.secure_cookies:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("zh-hans", "简体中文")]
LOCALE_PATHS = [BASE_DIR / "backend" / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "/static/"
STATICFILES_DIRS = [
    BASE_DIR / "backend" / "static",
    *([FRONTEND_DIST] if FRONTEND_DIST.is_dir() else []),
]
WHITENOISE_USE_FINDERS = True
WHITENOISE_IMMUTABLE_FILE_TEST = r"^.*/assets/.+-[\w-]{8}\.\w+$"  # Vite's hashed names
WHITENOISE_INDEX_FILE = False

DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 2**20
FILE_UPLOAD_MAX_MEMORY_SIZE = 5 * 2**20

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "backend.api.authentication.ApiKeyAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["backend.api.permissions.SignedInWithinScope"],
    "DEFAULT_PARSER_CLASSES": [
        "rest_framework.parsers.JSONParser",
        "rest_framework.parsers.MultiPartParser",
    ],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PAGINATION_CLASS": "backend.common.pagination.Cursor",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "backend.api.errors.exception_handler",
    "DEFAULT_THROTTLE_RATES": {"sign_in": "20/min"},
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    # ?format= names the format of an export here, not a renderer.
    "URL_FORMAT_OVERRIDE": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Loredesk",
    "DESCRIPTION": "Records, dataset versions, training runs, adapters, assistants and chat.",
    "VERSION": VERSION,
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "backend.api.openai.schema.add_routes",  # asynchronous views, which it does not find
    ],
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "ENUM_NAME_OVERRIDES": {
        "PersonLanguage": "backend.accounts.models.User.Language",
        "RecordLanguage": "backend.curation.models.Record.Language",
        "RecordStatus": "backend.curation.models.Record.Status",
        "RunState": "backend.training.models.TrainingRun.State",
        "MessageState": "backend.chat.models.Message.State",
        "FeedbackState": "backend.curation.models.FeedbackItem.State",
        "FeedbackOutcome": "backend.curation.models.FeedbackItem.Outcome",
        "FeedbackRating": "backend.curation.models.FeedbackItem.Rating",
        "TaskState": "backend.common.models.Job.State",
    },
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "text": {"format": "{asctime} {levelname} {name} {message}", "style": "{"},
        "json": {
            "class": "pythonjsonlogger.json.JsonFormatter",
            "format": "%(asctime)s %(levelname)s %(name)s %(message)s",
        },
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": ENV.log_format}},
    "root": {"handlers": ["stderr"], "level": ENV.log_level},
    "loggers": {"django.channels.server": {"level": "WARNING"}},
}

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Loredesk",
    "SITE_HEADER": "Loredesk",
    "SITE_SUBHEADER": _("records and people"),
    "SITE_URL": "/",
    "SITE_ICON": lambda request: static("loredesk.svg"),  # noqa: ARG005  # Unfold's signature
    "SITE_FAVICONS": [
        {
            "rel": "icon",
            "type": "image/svg+xml",
            "href": lambda request: static("loredesk.svg"),  # noqa: ARG005
        }
    ],
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_LANGUAGES": True,
    "BORDER_RADIUS": "6px",
    # Stone surfaces and ink blue, as in the Vue pages.
    "COLORS": {
        "base": {
            "50": "#fafaf9",
            "100": "#f5f5f4",
            "200": "#e7e5e4",
            "300": "#d6d3d1",
            "400": "#a8a29e",
            "500": "#78716c",
            "600": "#57534e",
            "700": "#44403c",
            "800": "#292524",
            "900": "#1c1917",
            "950": "#0c0a09",
        },
        "primary": {
            "50": "#eff4fa",
            "100": "#dbe6f3",
            "200": "#bcd0e8",
            "300": "#8fb1d8",
            "400": "#5c8bc3",
            "500": "#3b6ca8",
            "600": "#2a548a",
            "700": "#234471",
            "800": "#203b5f",
            "900": "#1e3350",
            "950": "#142136",
        },
    },
    "STYLES": [
        lambda request: static("loredesk-admin.css"),  # noqa: ARG005
        lambda request: static("loredesk-inbox.css"),  # noqa: ARG005
        lambda request: static("loredesk-desk.css"),  # noqa: ARG005
        lambda request: static("loredesk-findings.css"),  # noqa: ARG005
        lambda request: static("loredesk-import.css"),  # noqa: ARG005
        lambda request: static("loredesk-bulk.css"),  # noqa: ARG005
        lambda request: static("loredesk-phone.css"),  # noqa: ARG005
    ],
    "SCRIPTS": [lambda request: static("loredesk-admin.js")],  # noqa: ARG005
    "DASHBOARD_CALLBACK": "backend.curation.dashboard.dashboard",
    "ENVIRONMENT": "backend.curation.dashboard.four_eyes_label",
    "COMMAND": {"search_callback": "backend.curation.dashboard.search"},
    "SIDEBAR": {
        "show_search": True,
        "command_search": True,
        "navigation": [
            {
                "items": [
                    {
                        "title": _("Chat"),
                        "icon": "forum",
                        "link": "/",
                        "active": lambda request: False,  # noqa: ARG005  # it leads out of here
                    },
                    {
                        "title": _("Overview"),
                        "icon": "dashboard",
                        "link": reverse_lazy("admin:index"),
                    },
                    {
                        "title": _("Records"),
                        "icon": "menu_book",
                        "link": reverse_lazy("admin:curation_record_changelist"),
                        "active": "backend.curation.sidebar.is_records",
                    },
                    {
                        "title": _("Inbox"),
                        "icon": "inbox",
                        "link": "/admin/curation/feedbackitem/?state__exact=open",
                        "active": "backend.curation.sidebar.is_inbox",
                        "permission": "backend.curation.sidebar.may_work_inbox",
                        "badge": "backend.curation.sidebar.inbox_badge",
                        "badge_variant": "primary",
                    },
                    {
                        "title": _("Review"),
                        "icon": "rate_review",
                        "link": reverse_lazy("admin:curation_record_review"),
                        "permission": "backend.accounts.sidebar.may_approve_records",
                    },
                    {"title": _("Versions"), "icon": "inventory_2", "link": "/studio/versions"},
                    {"title": _("Runs"), "icon": "model_training", "link": "/studio/runs"},
                    {"title": _("Compare"), "icon": "compare", "link": "/studio/compare"},
                    {
                        "title": _("Assistants"),
                        "icon": "support_agent",
                        "link": "/studio/assistants",
                    },
                ],
            },
            {
                "title": _("Administration"),
                "separator": True,
                "items": [
                    {
                        "title": _("People"),
                        "icon": "group",
                        "link": reverse_lazy("admin:accounts_user_changelist"),
                        "permission": "backend.accounts.sidebar.may_manage_people",
                    },
                    {
                        "title": _("Departments"),
                        "icon": "apartment",
                        "link": reverse_lazy("admin:accounts_department_changelist"),
                        "permission": "backend.accounts.sidebar.may_manage_people",
                    },
                    {
                        "title": _("Assistant settings"),
                        "icon": "tune",
                        "link": reverse_lazy("admin:assistants_assistant_changelist"),
                        "permission": "backend.accounts.sidebar.may_manage_assistants",
                    },
                    {
                        "title": _("API keys"),
                        "icon": "key",
                        "link": reverse_lazy("admin:accounts_apikey_changelist"),
                    },
                    {
                        "title": _("Audit"),
                        "icon": "history",
                        "link": reverse_lazy("admin:common_auditentry_changelist"),
                        "permission": "backend.accounts.sidebar.may_read_audit",
                    },
                ],
            },
        ],
    },
}
