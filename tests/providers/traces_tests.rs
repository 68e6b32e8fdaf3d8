use std::collections::HashSet;

use serde_json::Value;

use super::super::Kind;
use super::super::prompt::Prompt;
use super::{AGENT_TURNS, Shape, Step, agent, support_bot};

const SHAPES: [(Shape, Kind); 2] = [(Shape::Chat, Kind::OpenAi56), (Shape::Messages, Kind::Anthropic)];

fn tokens(kind: Kind, step: &Step) -> usize {
    Prompt::read(kind, "m", "", &step.request).unwrap().tokens()
}

fn messages(step: &Step) -> &Vec<Value> {
    step.request["messages"].as_array().unwrap()
}

fn system(step: &Step) -> &str {
    step.request["system"].as_str().or(step.request["messages"][0]["content"].as_str()).unwrap()
}

#[test]
fn the_seed_decides_and_nothing_else() {
    for trace in [agent, support_bot] {
        for (shape, _) in SHAPES {
            assert_eq!(trace(shape, "m", 7), trace(shape, "m", 7));
            assert_ne!(trace(shape, "m", 7), trace(shape, "m", 8));
        }
        let (chat, messages) = (trace(Shape::Chat, "m", 7), trace(Shape::Messages, "m", 7));
        let told = |steps: &[Step]| steps.iter().map(|step| (step.at_ms, step.answer.clone())).collect::<Vec<_>>();
        assert_eq!(told(&chat), told(&messages));
        assert_eq!(system(&chat[0]), system(&messages[0]));
    }
}

#[test]
fn no_request_has_a_hint_or_a_key() {
    for (shape, _) in SHAPES {
        for step in agent(shape, "m", 1).iter().chain(&support_bot(shape, "m", 1)) {
            let body = step.request.to_string();
            let hints = ["cache_control", "prompt_cache", "\"user\":", "\"metadata\":"];
            assert!(hints.iter().all(|hint| !body.contains(hint)));
            assert_eq!(step.request["model"], "m");
        }
    }
}

#[test]
fn the_agent_has_twelve_tools_with_schemas() {
    let steps = agent(Shape::Messages, "m", 1);
    let tools = steps[0].request["tools"].as_array().unwrap();
    let names: HashSet<&str> = tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    assert_eq!(names.len(), 12);
    assert!(
        tools.iter().all(|tool| tool["input_schema"]["properties"].as_object().is_some_and(|fields| fields.len() > 1))
    );
    assert!(agent(Shape::Chat, "m", 1)[0].request["tools"][0]["function"]["parameters"].is_object());
}

#[test]
fn each_turn_of_the_agent_goes_on_from_the_last_and_repeats_its_answer() {
    for (shape, kind) in SHAPES {
        let steps = agent(shape, "m", 1);
        assert_eq!(steps.len(), AGENT_TURNS);
        for pair in steps.windows(2) {
            let (before, after) = (&pair[0], &pair[1]);
            assert!((5_000..=40_000).contains(&(after.at_ms - before.at_ms)));
            assert_eq!(messages(after).len(), messages(before).len() + 2);
            assert_eq!(messages(after)[..messages(before).len()], messages(before)[..]);
            let said = &messages(after)[messages(before).len()];
            let text = said["content"].as_str().or(said["content"][0]["text"].as_str()).unwrap();
            assert_eq!(text, before.answer);
            let added = tokens(kind, after) - tokens(kind, before);
            assert!((230..=1_700).contains(&added), "{added}");
        }
    }
}

#[test]
fn tool_results_have_200_to_1500_tokens() {
    let steps = agent(Shape::Chat, "m", 3);
    let results = messages(steps.last().unwrap()).iter().filter(|message| message["role"] == "tool");
    let sizes: Vec<usize> = results.map(|result| result["content"].as_str().unwrap().len().div_ceil(4)).collect();
    assert_eq!(sizes.len(), AGENT_TURNS - 1);
    assert!(sizes.iter().all(|size| (200..=1_500).contains(size)), "{sizes:?}");
}

#[test]
fn the_system_prompts_have_their_size_and_few_repeated_sentences() {
    for (step, tokens) in
        [(agent(Shape::Chat, "m", 1).swap_remove(0), 6_000), (support_bot(Shape::Chat, "m", 1).swap_remove(0), 3_000)]
    {
        let text = system(&step);
        assert!((tokens..tokens + 300).contains(&text.len().div_ceil(4)), "{}", text.len());
        let sentences: Vec<&str> = text.split_terminator(['.', '\n']).map(str::trim).filter(|s| s.len() > 20).collect();
        let different: HashSet<&&str> = sentences.iter().collect();
        assert!(
            sentences.len() > 90 && different.len() == sentences.len(),
            "{} of {}",
            different.len(),
            sentences.len()
        );
        assert!(!text.contains(['{', '}']), "a slot was left open");
    }
}

#[test]
fn the_support_bot_is_asked_500_different_questions_at_about_40_a_minute() {
    for (shape, _) in SHAPES {
        let steps = support_bot(shape, "m", 1);
        let questions: HashSet<&str> =
            steps.iter().map(|step| messages(step).last().unwrap()["content"].as_str().unwrap()).collect();
        assert_eq!(questions.len(), 500);
        assert!(questions.iter().all(|question| !question.contains(['{', '}'])));
        let a_minute = 499 * 60_000 / steps[499].at_ms;
        assert!((36..=44).contains(&a_minute), "{a_minute}");
        assert!(steps.iter().all(|step| system(step) == system(&steps[0]) && step.request["tools"].is_null()));
    }
}
