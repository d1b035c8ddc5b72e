import numpy as np
import pytest
from sklearn.metrics import log_loss, ndcg_score, roc_auc_score

from live_shopping.model.metrics import measured, ndcg_by_request


def test_they_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(3)
    requests = np.repeat(rng.permutation(200), 15)
    labels = rng.random(3_000) < 0.2
    scores = rng.random(3_000)
    found = measured(requests, labels, scores)
    each = [
        ndcg_score([labels[requests == one]], [scores[requests == one]], k=10)
        for one in range(200)
        if labels[requests == one].any()
    ]
    assert found.ndcg == pytest.approx(np.mean(each))
    assert found.auc == pytest.approx(roc_auc_score(labels, scores))
    assert found.logloss == pytest.approx(log_loss(labels, scores))
    assert found.rows == 3_000


def test_ties_count_half_and_one_class_has_no_curve() -> None:
    labels = np.array([True, False, True, False])
    assert measured(np.zeros(4, int), labels, np.full(4, 0.5)).auc == 0.5
    assert np.isnan(measured(np.zeros(2, int), np.array([True, True]), np.full(2, 0.5)).auc)


def test_requests_without_a_tap_tell_nothing() -> None:
    labels = np.array([False, False, True])
    assert ndcg_by_request(np.array([0, 0, 1]), labels, np.zeros(3)).tolist() == [1.0]
    assert not len(ndcg_by_request(np.empty(0, int), np.empty(0, bool), np.empty(0)))
