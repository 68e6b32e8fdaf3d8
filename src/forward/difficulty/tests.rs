use super::*;

fn score(text: &str) -> f32 {
    assess(&Seen { text, ..Seen::default() }, &Model::shipped().unwrap()).score
}

#[test]
fn the_shipped_model_loads_and_its_thresholds_are_in_order() {
    let model = Model::shipped().unwrap();
    assert!(0.0 < model.middle_from && model.middle_from < model.frontier_from && model.frontier_from < 1.0);
}

#[test]
fn hard_prompts_score_above_easy_ones() {
    let easy = [
        "Translate to French: good morning",
        "Summarize this in one sentence: the shop is closed on Monday",
        "What is the capital of Peru?",
        "Classify the sentiment: I love it",
    ];
    let hard = [
        "Prove that there are infinitely many primes of the form 4k + 3.",
        "Design a multi-region ledger that loses no transaction when a region fails, and justify the trade-offs.",
        "Diagnose why our lock-free queue deadlocks under load only on ARM, and prove that the fix is correct.",
    ];
    for hard in hard {
        for easy in easy {
            assert!(score(hard) > score(easy) + 0.2, "{hard} {}, {easy} {}", score(hard), score(easy));
        }
    }
}

#[test]
fn a_pasted_text_leaves_an_easy_task_easy() {
    let text = "The theorem on the eigenvalue of a matrix was proved by induction; the court must decide. ".repeat(30);
    let model = Model::shipped().unwrap();
    assert!(score(&format!("Translate this into Spanish:\n\n{text}")) < model.frontier_from);
    assert!(score(&format!("Translate this into Spanish:\n\n{text}")) < score(&format!("Critique this:\n\n{text}")));
}

#[test]
fn odd_input_has_a_score_between_0_and_1() {
    let model = Model::shipped().unwrap();
    let long = "why \u{1f600}\0 ``` \"\"\" <a> ".repeat(50_000);
    let lines = "\n".repeat(1 << 20);
    let marks = "\"\u{201c}'\u{2019}: ".repeat(3000);
    let nan = vec![f32::NAN; 256];
    let infinite = vec![f32::INFINITY; 256];
    let vectors = [None, Some(&[][..]), Some(&[1.0][..]), Some(&nan[..]), Some(&infinite[..]), Some(&[0.0; 256][..])];
    for text in ["", "\0", "\u{1f600}", "```", "\"", "'", ": ", "<a>", &long, &lines, &marks] {
        for vector in vectors {
            let huge = usize::MAX;
            let seen =
                Seen { text, vector, system_bytes: huge, tools: huge, turns: huge, media: true, effort_asked: true };
            for seen in [Seen { text, vector, ..Seen::default() }, seen] {
                let score = assess(&seen, &model).score;
                assert!((0.0..=1.0).contains(&score), "{score} for {:.20} {vector:?}", text.escape_debug().to_string());
            }
        }
    }
}

#[test]
fn what_nobody_can_read_is_not_taken_for_easy() {
    let model = Model::shipped().unwrap();
    for text in
        ["", "\u{4f60}\u{597d}\u{ff0c}\u{8bf7}\u{5e2e}\u{6211}", "Beweise, dass es unendlich viele Primzahlen gibt."]
    {
        assert!(score(text) >= model.middle_from, "{text}");
    }
}

#[test]
fn tools_earlier_turns_and_effort_only_raise_the_score() {
    let model = Model::shipped().unwrap();
    let bare = Seen { text: "What is the capital of Peru?", ..Seen::default() };
    for more in [
        Seen { tools: 4, ..bare },
        Seen { turns: 6, ..bare },
        Seen { media: true, ..bare },
        Seen { effort_asked: true, ..bare },
    ] {
        assert!(assess(&more, &model).score > assess(&bare, &model).score, "{more:?}");
    }
}

#[test]
fn the_reasons_name_what_moved_the_score() {
    let model = Model::shipped().unwrap();
    for (text, reason) in [
        ("Prove that the sum of two odd numbers is even.", "proof-words"),
        ("Proofread this and fix the grammar", "rewrite-task"),
        ("What is the capital of Peru?", "short"),
    ] {
        let reasons = assess(&Seen { text, ..Seen::default() }, &model).reasons;
        assert!(reasons.contains(&reason) && reasons.len() <= model::REASONS, "{text}: {reasons:?}");
    }
}

#[test]
fn the_vector_moves_the_score_towards_its_neighbours() {
    let model = Model::shipped().unwrap();
    let file: serde_json::Value = serde_json::from_str(include_str!("weights.json")).unwrap();
    let prototype = |label: &str| -> Vec<f32> {
        let row: Vec<f32> = serde_json::from_value(file["prototypes"][label][0].clone()).unwrap();
        let length = row.iter().map(|x| x * x).sum::<f32>().sqrt();
        row.iter().map(|x| x / length).collect()
    };
    let judged = |vector: &[f32]| assess(&Seen { text: "this one", vector: Some(vector), ..Seen::default() }, &model);
    let (hard, easy) = (judged(&prototype("hard")), judged(&prototype("easy")));
    assert!(hard.score > easy.score);
    assert!(hard.reasons.contains(&"near-hard-examples") && easy.reasons.contains(&"near-easy-examples"));
}

#[test]
fn weights_that_lack_a_feature_are_refused_by_its_name() {
    let weights = r#"{"bias":0,"middle_from":0.3,"frontier_from":0.6,"features":{},"prototypes":{}}"#;
    assert!(Model::load(weights, include_str!("words.txt")).unwrap_err().contains("`long`"));
    assert!(Model::load("{", include_str!("words.txt")).unwrap_err().contains("cannot be read"));
}
