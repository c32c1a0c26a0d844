"""What to do about a run that failed, by the code of its error; knows neither torch nor files."""

from typing import Final

from ml.words import told

ADVICE: Final = {
    "diverged": told("Lower the learning rate, for instance to a third, and start a new run."),
    "out_of_memory": told(
        "Lower the batch size (and raise the accumulation) or the longest example, or switch on "
        "gradient checkpointing."
    ),
    "no_examples": told("Raise the longest example, or shorten the records: all were too long."),
    "model_load_failed": told(
        "See that the base model's folder is on the trainer's machine, or that the hub can be "
        "reached from there; then resume the run or start a new one."
    ),
    "file_problem": told("See that the trainer's disk has room and may be written to."),
    "settings_impossible": told("Change the setting that is named, and start a new run."),
    "precision_impossible": told("Choose the precision auto, and start a new run."),
    "targets_unknown": told("Choose all-linear as LoRA targets, and start a new run."),
    "template_untrainable": told("Choose a base model that is made for chat."),
    "template_missing": told("Choose a base model that is made for chat."),
    "parent_differs": told(
        "Choose the base model and the LoRA settings of the adapter that the run goes on from."
    ),
}
# A run that ended before its last step because nothing was to be gained any more.
STOPPED_EARLY: Final = told(
    "The validation loss no longer fell, so the run ended before its last step."
)
KEPT_BEST: Final = told(
    "The adapter is that of the step with the lowest validation loss, not of the last one."
)
