"""Addresses under ``/api/v1/``."""

from django.urls import path

from backend.chat import views

urlpatterns = [
    path("conversations", views.ConversationsView.as_view(), name="conversations"),
    path(
        "conversations/<uuid:conversation_id>",
        views.ConversationView.as_view(),
        name="conversation",
    ),
    path(
        "conversations/<uuid:conversation_id>/messages",
        views.MessagesView.as_view(),
        name="conversation-messages",
    ),
    path("messages/<uuid:message_id>", views.MessageView.as_view(), name="message"),
    path(
        "messages/<uuid:message_id>/feedback",
        views.MessageFeedbackView.as_view(),
        name="message-feedback",
    ),
]
