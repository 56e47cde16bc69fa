#!/usr/bin/env python3
"""check_schema.py TPRUN: schemas/experiment.schema.json is what `tprun schema` prints, and says of the files of good/ and bad/ what the program
says, as far as a schema can.

A schema sees one file as it is written: before `extends`, variants, profiles and sweeps are laid on each other, dotted keys are taken apart and
`${}` is resolved. So it cannot miss a key (another layer may give it), nor look into dotted keys, nor compare parts.
"""
import json
import math
import os
import re
import subprocess
import sys
import unittest

try:
    import jsonschema
    import yaml
except ImportError as missing:
    print(f"{missing}: install python3-jsonschema and python3-yaml", file=sys.stderr)
    sys.exit(77)  # meson: skipped

HERE = os.path.dirname(os.path.abspath(__file__))
COMMITTED = os.path.join(HERE, "..", "..", "schemas", "experiment.schema.json")

# What a schema cannot see, by the reason. A file that it does see must not stand here.
UNSEEN = {
    "the reader refuses it before there is data: limits, encodings, duplicate keys":
        "alias_bomb duplicate_dotted_key duplicate_key nul_byte too_deep utf16",
    "what one file lacks may come from the one it extends, a variant, a profile or a sweep":
        "algorithm_missing algorithm_without_name layer_without_units no_budget no_layers one_variant_lacks_a_key optimizer_without_name"
        " optimizer_without_stepsize target_stepsize_missing transmit_options tune_without variant_null null_removes_nothing",
    "dotted keys are not looked into":
        "one_variant_is_wrong stop sweep_unknown_key sweep_unknown_layer sweep_unknown_section sweep_value_out_of_range variant_index",
    "a misspelt form of values reads as one more name of the key": "sweep_geomspace",
    "values, or lengths of lists, are compared with each other":
        "from_first from_itself from_join_of_one from_later from_layers from_maps from_negative from_nothing from_shapes from_twice from_unknown"
        " from_unread from_without_file frozen_unknown joint_steps learned_never_trained log_without_readers metric_of_tied_layers pinv_through_signs"
        " head_too_large iterations_and_epochs log_damping_length pinv_damping_length sweep_fractions_of_integers sweep_one_contains_the_other swept_twice zip_lengths"
        " tune_count tune_nothing tune_over tune_seeds exclude_all exponents",
    "which options a part takes depends on the preset that chose it": "option_of_another_mapping",
    "parts are compared with each other or with the data":
        "batch_larger_than_data clip_in_turn dataset_bits dense_on_sequences difference_needs_apply difference_needs_apply_by_mapping"
        " difference_reconstruction_on_rnn difference_without_noise direct_with_inverse direct_with_inversion hidden_units_on_chain inverse_variance_without_noise"
        " direct_with_reconstruction epochs_without_end feedback_only_epochs_without_end feedback_only_epochs_without_learning"
        " flat_data_for_rnn inversion_first learned_without_loss learned_without_optimizer"
        " loss_without_classes loss_without_real_targets metric_gnt_coupled_samples metric_of_another_dataset metric_of_another_mapping metric_of_coupled_samples rnn_not_first"
        " lemma_of_a_gated_layer lemma_of_another_matrix metric_gn_recurrent metric_gnt_recurrent nullspace_of_layers_in_turn pinv_difference pinv_on_the_chain pinv_recurrent"
        " sequential_on_recurrent sweep_cell_does_not_fit sweep_chooses_parts two_misfits wrong_outputs"
        " input_noise_on_sequences input_noise_twice noise_decay_without_end transmit_feedback_difference transmit_feedback_hidden"
        " transmit_feedback_linear transmit_fixed_linear transmit_last_layer transmit_under_difference transmit_under_direct"
        " claim_subjects clip_fraction_of_a_unit encoder_depth encoder_shape figures_unknown_metric labels_of_sequences student_teacher_eval tied_above tied_in_turn tied_shape update_unit_of_tied_layers"
        " from_in_a_unit from_metric from_past_the_head from_recurrent from_under_cdtp from_under_direct from_under_tjml"
        " figures_axes figures_never_drawn figures_of_last_values figures_of_no_trial figures_one_number figures_planes targets_undefined layer_keys tune_claim tune_goal tune_goal_against tune_meaning tune_meaning_over tune_test tune_train tune_unlogged",
    "another trial may have an effect of it": "idle_feedback idle_from idle_from_layers idle_keys idle_parts",
    "it lies in another file, behind a reference, or in the number of trials":
        "extends_itself extends_missing extends_with_a_mistake reference_cycle reference_in_a_variant reference_missing reference_of_wrong_type"
        " reference_to_a_list sweep_beyond_counting sweep_large",
}
# What is no YAML: a schema is never asked.
NO_YAML = set("alias_without_anchor cycle indentation latin1 list_as_key merge_of_a_number missing_blank tab tag two_documents unclosed"
              " unclosed_quote".split())


class Loader(yaml.SafeLoader):
    """YAML 1.2's core schema: 1e-5 is a number, `yes` is a string."""


Loader.yaml_implicit_resolvers = {}
for tag, pattern, first in (("merge", r"<<", ["<"]), ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]), ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
                            ("int", r"[-+]?[0-9]+", list("-+0123456789")),
                            ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
                             list("-+.0123456789"))):
    Loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(f"^(?:{pattern})$"), first)
Loader.add_constructor("tag:yaml.org,2002:int", lambda loader, node: int(node.value))
Loader.add_constructor("tag:yaml.org,2002:float", lambda loader, node: float(re.sub(r"\.(inf|nan)", r"\1", node.value.lower())))


def names(folder):
    return sorted(f[:-5] for f in os.listdir(os.path.join(HERE, folder)) if f.endswith(".yaml"))


def experiments():
    """Files of experiments/ that are the project's: in a clone those that git knows, since people keep their own beside them."""
    folder = os.path.join(HERE, "..", "..", "experiments")
    known = subprocess.run(["git", "-C", folder, "ls-files", "-z", "*.yaml"], capture_output=True, text=True, check=False)
    if known.returncode == 0 and known.stdout:
        return [os.path.join(folder, name) for name in known.stdout.split("\0") if name]
    return [os.path.join(path, name) for path, _, files in os.walk(folder) for name in files if name.endswith(".yaml")]


def load(folder, name):
    with open(os.path.join(HERE, folder, name + ".yaml"), "rb") as f:
        return yaml.load(f, Loader)


def finite(value):
    """JSON has no infinity and no NaN."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(isinstance(k, str) and finite(v) for k, v in value.items())
    return not isinstance(value, list) or all(map(finite, value))


class Schema(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.text = subprocess.run([TPRUN, "schema"], capture_output=True, check=True, timeout=1000).stdout.decode()
        cls.schema = json.loads(cls.text)
        cls.validator = jsonschema.Draft7Validator(cls.schema)

    def accepts(self, data):
        return finite(data) and self.validator.is_valid(data)

    def test_current(self):
        with open(COMMITTED, encoding="utf-8") as f:
            self.assertTrue(f.read() == self.text, "run: tprun schema > schemas/experiment.schema.json")

    def test_is_a_schema(self):
        jsonschema.Draft7Validator.check_schema(self.schema)

    def test_no_key_twice(self):
        """Definitions come from tables, registries and two files."""
        def once(pairs):
            self.assertEqual(len(dict(pairs)), len(pairs), [key for key, _ in pairs])
            return dict(pairs)
        json.loads(self.text, object_pairs_hook=once)

    def test_good(self):
        for name in names("good"):
            with self.subTest(file=name):
                self.assertEqual([f"{list(e.absolute_path)}: {e.message[:200]}" for e in self.validator.iter_errors(load("good", name))], [])

    def test_experiments(self):
        studies = [path for path in experiments() if os.path.basename(os.path.dirname(path)) != "base"]  # those are no studies, others extend them
        self.assertGreater(len(studies), 50)
        for path in studies:
            with self.subTest(file=path), open(path, "rb") as f:
                self.assertTrue(self.accepts(yaml.load(f, Loader)))

    def test_bad(self):
        unseen = {name: why for why, files in UNSEEN.items() for name in files.split()}
        self.assertLessEqual(set(unseen) | NO_YAML, set(names("bad")))
        for name in names("bad"):
            with self.subTest(file=name):
                try:
                    data = load("bad", name)
                    finite(data)
                except (yaml.YAMLError, UnicodeError, RecursionError):
                    self.assertIn(name, NO_YAML)
                    continue
                self.assertNotIn(name, NO_YAML)
                if name in unseen:
                    self.assertTrue(self.accepts(data), f"a schema can see it; it is not true that {unseen[name]}")
                else:
                    self.assertFalse(self.accepts(data), "the program refuses it")


if __name__ == "__main__":
    TPRUN = os.path.abspath(sys.argv[1])
    unittest.main(argv=sys.argv[:1])
