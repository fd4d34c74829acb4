from django.apps import AppConfig


class LifeReviewConfig(AppConfig):
    name = "lifereview"
    verbose_name = "Life Review"
