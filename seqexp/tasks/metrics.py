"""Metrics."""

LABELS = {
    "accuracy": "accuracy (fraction right)",
    "macro_f1": "macro F1",
    "auroc": "area under the ROC curve",
    "mse": "mean squared error",
    "exact_match": "exact match (fraction)",
    "note_accuracy": "note accuracy (fraction right)",
    "symbol_accuracy": "symbol accuracy (fraction right)",
    "bits_per_char": "bits per character",
    "perplexity": "perplexity",
    "nll_per_frame": "negative log-likelihood (nats per frame)",
    "entity_f1": "entity F1",
    "bleu": "BLEU",
    "chrf": "chrF",
}
