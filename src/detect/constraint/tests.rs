//! Scenes for the family's rules. Places, prices and rules are made up.

use serde_json::{Value, json};

use super::Constraint;
use crate::detect::scene::Scene;
use crate::trace::Status;

const POLICY: &str = "# Hotel desk

The current time is 2024-05-15 15:00:00.

- Before a booking, a change or a cancellation, list the details and obtain explicit user confirmation (yes).
- If you make a tool call, do not respond to the user at the same time.
- Use tools for all that you look up.

## Change stay
- A stay can only be changed if its status is 'booked'.
- Saver rooms cannot be changed.
- The user needs to provide one gift card or credit card for payment or refund.

## Cancel stay
- All stays can be cancelled within 24 hours of booking. Otherwise, saver or basic stays can be cancelled only if travel cover is bought.

## Book stay
- Each stay can use at most one voucher and at most three gift cards. Each stay can have at most two guests.
- If the booking user is a silver member, 1 free parking for each basic guest, and 2 free parkings for each suite guest.
- If the booking user is a gold member, 2 free parkings for each basic guest, and 3 free parkings for each suite guest.
";

fn scene() -> Scene {
    let mut scene = Scene::of(Constraint::default());
    scene.system(POLICY);
    scene
}

fn stay(status: &str, rate: &str) -> Value {
    json!({
        "stay_id": "S4417", "user_id": "ann_12", "status": status, "rate": rate, "cover": "no",
        "created_at": "2024-05-02T09:30:00", "rooms": [{"room": "R204"}], "guests": [{"name": "Ann"}],
        "payments": [{"payment_id": "voucher_31", "amount": 300}],
    })
}

/// A scene in which a stay and its user's profile were looked up, and the user has agreed.
fn looked_up(stay: &Value, tier: &str) -> Scene {
    let mut scene = scene();
    scene.prompt("I am ann_12, and it is about stay S4417.");
    let profile = json!({"tier": tier, "cards": {
        "voucher_31": {"id": "voucher_31", "source": "voucher"},
        "credit_card_77": {"id": "credit_card_77", "source": "credit_card", "brand": "visa", "last_four": "4242"},
        "gift_card_5": {"id": "gift_card_5", "source": "gift_card"},
    }});
    scene.call("get_user", &json!({"user_id": "ann_12"}), Status::Ok, &profile.to_string());
    scene.call("get_stay", &json!({"stay_id": "S4417"}), Status::Ok, &stay.to_string());
    scene
}

fn agreed(stay: &Value) -> Scene {
    let mut scene = looked_up(stay, "gold");
    scene.says("It comes to $120 more, on your Visa or your gift card. Shall I?");
    scene.prompt("Yes, the Visa please.");
    scene
}

#[test]
fn an_act_without_a_yes() {
    let mut scene = scene();
    scene.prompt("What would the room cost?");
    scene.call("book_room", &json!({"n": 1}), Status::Ok, "booked");
    let found = scene.found("constraint.unconfirmed-act");
    assert_eq!(found.len(), 1);
    assert!(found[0].sentence.contains("What would the room cost?"));
    assert_eq!(found[0].evidence.len(), 3);
}

#[test]
fn with_a_yes_or_without_the_constraint_it_is_well() {
    let mut scene = scene();
    scene.prompt("Yes, please go ahead.");
    scene.call("book_room", &json!({"n": 1}), Status::Ok, "booked");
    assert!(scene.all().is_empty());
    let mut free = Scene::of(Constraint::default());
    free.prompt("What would it cost?");
    free.intends("I book it.");
    free.call("book_room", &json!({"n": 1}), Status::Ok, "booked");
    assert!(free.all().is_empty());
}

#[test]
fn a_yes_is_told_from_a_question_and_from_a_no() {
    for (words, told) in [
        ("Sounds good, thanks.", 0),
        ("Great! Could you add two bags as well?", 1),
        ("I am not sure about that.", 1),
        ("Great, that works. Yes, could you do it now?", 0),
        ("That is right.", 0),
        ("No, that is not right.", 1),
    ] {
        let mut scene = scene();
        scene.prompt(words);
        scene.call("book_room", &json!({"n": 1}), Status::Ok, "booked");
        assert_eq!(scene.found("constraint.unconfirmed-act").len(), told, "{words}");
    }
}

#[test]
fn looking_something_up_needs_no_yes() {
    let mut scene = scene();
    scene.prompt("What would the room cost?");
    scene.intends("I will look that up.");
    scene.call("get_room", &json!({"n": 1}), Status::Ok, "100");
    assert!(scene.all().is_empty());
}

#[test]
fn an_act_together_with_words() {
    let mut scene = scene();
    scene.prompt("Yes");
    scene.intends("I will book that for you.");
    scene.call("book_room", &json!({"n": 1}), Status::Ok, "booked");
    assert_eq!(scene.found("constraint.call-with-message").len(), 1);
}

#[test]
fn a_thing_in_another_state_than_the_policy_asks_for() {
    for (status, told) in [("left", true), ("booked", false)] {
        let mut scene = agreed(&stay(status, "flex"));
        scene.call("change_stay_rooms", &json!({"stay_id": "S4417", "rooms": ["R9"]}), Status::Ok, "done");
        let found = scene.found("constraint.wrong-state");
        assert_eq!(found.len(), usize::from(told), "{status}");
        if told {
            assert!(found[0].sentence.contains("whose status is \"left\""), "{}", found[0].sentence);
            assert_eq!(found[0].evidence[1].text, "left");
        }
    }
}

#[test]
fn a_state_that_is_not_known_or_that_another_act_needs_accuses_nobody() {
    let mut scene = scene();
    scene.prompt("Yes, change S4417.");
    scene.call("change_stay_rooms", &json!({"stay_id": "S4417"}), Status::Ok, "done");
    let mut other = agreed(&stay("left", "flex"));
    other.call("rate_stay", &json!({"stay_id": "S4417", "stars": 5}), Status::Ok, "done");
    other.call("get_stay_change_fee", &json!({"stay_id": "S4417"}), Status::Ok, "5");
    assert!(scene.found("constraint.wrong-state").is_empty() && other.all().is_empty());
}

#[test]
fn a_sort_that_may_not_be_touched() {
    for (rate, rooms, told) in [
        ("saver", json!([{"room": "R9"}]), 1),
        ("saver", json!([{"room": "R204"}]), 0),
        ("flex", json!([{"room": "R9"}]), 0),
    ] {
        let mut scene = agreed(&stay("booked", rate));
        scene.call("change_stay", &json!({"stay_id": "S4417", "rooms": rooms}), Status::Ok, "done");
        assert_eq!(scene.found("constraint.wrong-state").len(), told, "{rate} {rooms}");
    }
}

#[test]
fn an_act_that_locks_what_is_still_to_be_changed() {
    let mut scene = agreed(&stay("booked", "flex"));
    let rooms = scene.call(
        "change_stay_rooms",
        &json!({"stay_id": "S4417", "rooms": [{"room": "R9"}]}),
        Status::Ok,
        &stay("booked (changed)", "flex").to_string(),
    );
    scene.call(
        "change_stay_guests",
        &json!({"stay_id": "S4417", "guests": []}),
        Status::Error,
        "Error: a stay in status booked (changed) cannot be changed",
    );
    let found = scene.found("constraint.locked-out");
    assert_eq!((found.len(), found[0].step), (1, rooms));
    assert_eq!(scene.found("constraint.wrong-state")[0].root, Some(rooms));
}

#[test]
fn a_refusal_for_another_reason_locks_nothing() {
    let mut scene = agreed(&stay("booked", "flex"));
    let changed = stay("booked (changed)", "flex").to_string();
    scene.call("change_stay_rooms", &json!({"stay_id": "S4417"}), Status::Ok, &changed);
    scene.call("change_stay_guests", &json!({"stay_id": "S4417"}), Status::Error, "Error: too many guests");
    assert!(scene.found("constraint.locked-out").is_empty());
}

#[test]
fn an_act_whose_condition_is_not_met() {
    let mut covered = stay("booked", "saver");
    covered["cover"] = json!("yes");
    let mut fresh = stay("booked", "saver");
    fresh["created_at"] = json!("2024-05-15T08:00:00");
    let mut undated = stay("booked", "saver");
    undated.as_object_mut().unwrap().remove("created_at");
    for (stay, told) in
        [(stay("booked", "saver"), 1), (stay("booked", "flex"), 0), (covered, 0), (fresh, 0), (undated, 0)]
    {
        let mut scene = agreed(&stay);
        scene.call("cancel_stay", &json!({"stay_id": "S4417"}), Status::Ok, "done");
        assert_eq!(scene.found("constraint.condition-unmet").len(), told, "{stay}");
    }
}

#[test]
fn a_condition_does_not_bind_who_was_cancelled_on() {
    let mut scene = looked_up(&stay("booked", "saver"), "gold");
    scene.prompt("Yes: my stay was cancelled by the hotel.");
    scene.call("cancel_stay", &json!({"stay_id": "S4417"}), Status::Ok, "done");
    assert!(scene.found("constraint.condition-unmet").is_empty());
}

#[test]
fn a_list_with_too_many() {
    let pay = |ids: &[&str]| json!({"payments": ids.iter().map(|id| json!({"payment_id": id})).collect::<Vec<_>>()});
    for (input, told) in [
        (pay(&["voucher_31", "voucher_32"]), 1),
        (pay(&["voucher_31", "gift_card_5", "gift_card_6", "gift_card_7"]), 0),
        (json!({"guests": [{"name": "A"}, {"name": "B"}, {"name": "C"}]}), 1),
        (json!({"guests": [{"name": "A"}, {"name": "B"}]}), 0),
        (json!({"note": "voucher voucher voucher"}), 0),
    ] {
        let mut scene = agreed(&stay("booked", "flex"));
        scene.call("book_stay", &input, Status::Ok, "done");
        assert_eq!(scene.found("constraint.too-many").len(), told, "{input}");
    }
}

#[test]
fn a_kind_that_is_not_offered() {
    for (id, told) in [("voucher_31", 1), ("credit_card_77", 0), ("gift_card_5", 0), ("unknown_99", 0)] {
        let mut scene = agreed(&stay("booked", "flex"));
        scene.prompt("Yes, use the voucher, the gift card or the Visa.");
        scene.call("change_stay", &json!({"stay_id": "S4417", "payment_id": id}), Status::Ok, "done");
        assert_eq!(scene.found("constraint.wrong-kind").len(), told, "{id}");
    }
    let mut scene = agreed(&stay("booked", "flex"));
    scene.prompt("Yes, use the voucher.");
    scene.call("book_stay", &json!({"payment_id": "voucher_31"}), Status::Ok, "done");
    assert!(scene.found("constraint.wrong-kind").is_empty(), "another act");
}

#[test]
fn an_allowance_that_is_reckoned_wrongly() {
    let act = |rate: &str, total: u32, paid: u32| json!({"rate": rate, "total_parkings": total, "nonfree_parkings": paid, "guests": [{"name": "Ann"}]});
    for (tier, input, told) in [
        ("gold", act("basic", 2, 1), 1),
        ("gold", act("basic", 2, 0), 0),
        ("gold", act("suite", 4, 1), 0),
        ("silver", act("basic", 2, 1), 0),
        ("silver", act("basic", 2, 0), 1),
        ("platinum", act("basic", 2, 2), 0),
        ("gold", act("penthouse", 2, 2), 0),
    ] {
        let mut scene = looked_up(&stay("booked", "flex"), tier);
        scene.prompt("Yes.");
        scene.call("book_stay", &input, Status::Ok, "done");
        assert_eq!(scene.found("constraint.allowance").len(), told, "{tier} {input}");
    }
}

#[test]
fn a_choice_that_nobody_has_spoken_of() {
    for (words, told) in [
        ("Yes, go ahead.", 1),
        ("Yes, with the card ending in 4242.", 0),
        ("Yes, by credit card.", 0),
        ("Yes, with credit_card_77.", 0),
        ("Yes, the VISA.", 0),
        ("Yes, by gift card.", 1),
    ] {
        let mut scene = looked_up(&stay("booked", "flex"), "gold");
        scene.prompt(words);
        scene.call(
            "change_stay",
            &json!({"stay_id": "S4417", "payment_id": "credit_card_77"}),
            Status::Ok,
            "done",
        );
        let found = scene.found("constraint.unspoken-choice");
        assert_eq!(found.len(), told, "{words}");
    }
}

#[test]
fn what_the_agent_has_offered_and_what_is_no_choice_is_well() {
    let mut offered = looked_up(&stay("booked", "flex"), "gold");
    offered.says("I would use your Visa.");
    offered.prompt("Yes.");
    offered.call(
        "change_stay",
        &json!({"stay_id": "S4417", "payment_id": "credit_card_77"}),
        Status::Ok,
        "done",
    );
    let mut original = looked_up(&stay("booked", "flex"), "gold");
    original.prompt("Yes, back to the original payment method.");
    original.call(
        "change_stay",
        &json!({"stay_id": "S4417", "payment_id": "voucher_31"}),
        Status::Error,
        "Error: no",
    );
    let mut only = scene();
    only.call(
        "get_user",
        &json!({"user_id": "ann_12"}),
        Status::Ok,
        r#"{"cards": {"visa_77": {"source": "visa"}}}"#,
    );
    only.prompt("Yes.");
    only.call("change_stay", &json!({"payment_id": "visa_77"}), Status::Ok, "done");
    for mut scene in [offered, original, only] {
        assert!(scene.found("constraint.unspoken-choice").is_empty());
    }
}

fn charged(told: &str, amount: f64, act: &str) -> usize {
    let mut scene = looked_up(&stay("booked", "flex"), "gold");
    scene.says(told);
    scene.prompt("Yes, with the Visa.");
    let mut after = stay("booked", "flex");
    after["payments"].as_array_mut().unwrap().push(json!({"payment_id": "credit_card_77", "amount": amount}));
    scene.call(act, &json!({"stay_id": "S4417", "rooms": ["R9"]}), Status::Ok, &after.to_string());
    scene.call(act, &json!({"stay_id": "S4417", "rooms": ["R8"]}), Status::Ok, &after.to_string());
    scene.found("constraint.untold-charge").len()
}

#[test]
fn a_charge_that_was_not_told() {
    for (told, amount, findings) in [
        ("Shall I change the room?", 209.0, 1),
        ("It costs $897 in all. Shall I?", 1302.0, 1),
        ("It costs $897 in all. Shall I?", 897.0, 0),
        ("The new room is $509, the old one was $300. Shall I?", 209.0, 0),
        ("It is 104.50 dollars a night for two nights. Shall I?", 209.0, 0),
        ("You would get $40.10 back. Shall I?", -40.1, 0),
    ] {
        assert_eq!(charged(told, amount, "change_stay"), findings, "{told} {amount}");
    }
    assert_eq!(charged("Shall I cancel it?", -300.0, "cancel_stay"), 0);
    assert_eq!(charged("That is $600 more. Shall I?", 1200.0, "change_stay"), 1, "no multiple of a total");
}

#[test]
fn a_new_thing_whose_price_was_not_told() {
    for (told, findings) in
        [("It is $255. Shall I?", 1), ("It is $305. Shall I?", 0), ("$250 by voucher, $55 by card?", 0)]
    {
        let mut scene = looked_up(&stay("booked", "flex"), "gold");
        scene.says(told);
        scene.prompt("Yes, please.");
        let input =
            json!({"payments": [{"payment_id": "a", "amount": 250}, {"payment_id": "b", "amount": 55}]});
        scene.call("book_stay", &input, Status::Ok, "done");
        assert_eq!(scene.found("constraint.untold-charge").len(), findings, "{told}");
    }
}

#[test]
fn asking_for_an_id_again_and_again_without_a_call() {
    let ask = "To change it, I need the reservation number.";
    let mut scene = scene();
    for words in ["I want to change my stay.", "I do not have that here.", "Can you find it? I am Ann Lee."] {
        scene.prompt(words);
        scene.says(ask);
    }
    scene.prompt("No.");
    scene.says(ask);
    let found = scene.found("constraint.untried-refusal");
    assert_eq!(found.len(), 1);
    assert!(found[0].sentence.contains("after 3 turns"), "{}", found[0].sentence);
}

#[test]
fn an_agent_that_has_looked_or_has_no_tools_may_ask() {
    let ask = "To change it, I need the reservation number.";
    let mut looked = scene();
    let mut toolless = Scene::of(Constraint::default());
    toolless.system("Be polite.");
    looked.call("find_stay", &json!({"name": "Lee"}), Status::Ok, "[]");
    for scene in [&mut looked, &mut toolless] {
        for words in ["Change my stay.", "I do not have it.", "No.", "No!"] {
            scene.prompt(words);
            scene.says(ask);
        }
        assert!(scene.all().is_empty());
    }
}

#[test]
fn hostile_outcomes_are_survived() {
    let mut scene = scene();
    scene.prompt("Yes");
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    let many: Vec<Value> =
        (0..5000).map(|n| json!({"id": format!("thing_{n}"), "status": "x".repeat(500)})).collect();
    for text in [deep, json!(many).to_string(), "{".repeat(90_000), "\u{202e}{\"id\": \"A1234\"}".to_owned()]
    {
        scene.call("get_things", &json!({"n": 1}), Status::Ok, &text);
    }
    assert!(scene.all().is_empty());
}

#[test]
fn calls_that_go_out_together() {
    let ask = |policy: &str, together: bool, answered: bool| {
        let mut scene = Scene::of(Constraint::default());
        scene.system(policy);
        scene.prompt("What of S4417 and S4418?");
        let first = scene.open("get_stay", &json!({"stay_id": "S4417"}));
        if !together {
            scene.close(first, Status::Ok, "booked");
        }
        let second = scene.open("get_stay", &json!({"stay_id": "S4418"}));
        if together && answered {
            scene.close(first, Status::Ok, "booked");
        }
        scene.close(second, Status::Ok, "booked");
        let found = scene.found("constraint.calls-together");
        assert!(found.iter().all(|finding| finding.step == second));
        found.len()
    };
    let policy = "You should make one tool call at a time.";
    assert_eq!(ask(policy, true, true), 1);
    assert_eq!(ask("At most one call per message.", true, true), 1);
    assert_eq!(ask(policy, false, true), 0);
    assert_eq!(ask(policy, true, false), 0, "a call that nothing answers proves nothing");
    assert_eq!(ask("Make calls whenever they help.", true, true), 0);
}

#[test]
fn what_may_be_done_once_is_done_twice() {
    let twice = |tools: [&str; 2], stays: [&str; 2], first: Status| {
        let mut scene = Scene::of(Constraint::default());
        scene.system("Return or exchange stay tools can only be called once.");
        scene.prompt("Please move my stay.");
        for (at, (tool, stay)) in tools.iter().zip(stays).enumerate() {
            let (status, text) =
                if at == 0 && first != Status::Ok { (first, "Error: full") } else { (Status::Ok, "done") };
            scene.call(tool, &json!({"stay_id": stay, "to": "R204"}), status, text);
        }
        scene.found("constraint.done-twice").len()
    };
    assert_eq!(twice(["exchange_stay_room"; 2], ["S4417"; 2], Status::Ok), 1);
    assert_eq!(twice(["exchange_stay_room"; 2], ["S4417", "S4418"], Status::Ok), 0);
    assert_eq!(twice(["exchange_stay_room"; 2], ["S4417"; 2], Status::Error), 0);
    assert_eq!(twice(["exchange_stay_room", "exchange_stay_meal"], ["S4417"; 2], Status::Ok), 0);
    assert_eq!(twice(["cancel_stay"; 2], ["S4417"; 2], Status::Ok), 0);
}

#[test]
fn another_count_than_the_user_named() {
    for (words, count) in [
        (&["Book a stay with two bags please.", "Yes."][..], 1),
        (&["Book a stay with 3 bags please.", "Yes."][..], 0),
        (&["Book a stay with two bags please.", "No, make it three bags.", "Yes."][..], 0),
        (&["Book a stay and add two bags please.", "Yes."][..], 0),
        (&["Book a stay with two bags each please.", "Yes."][..], 0),
        (&["Book a stay please.", "Yes."][..], 0),
    ] {
        let mut scene = scene();
        for words in words {
            scene.prompt(words);
        }
        scene.call("book_stay", &json!({"rate": "flex", "total_bags": 3}), Status::Ok, "done");
        assert_eq!(scene.found("constraint.other-count").len(), count, "{words:?}");
    }
    let mut scene = scene();
    scene.prompt("Book a stay with two bags please.");
    scene.says("A gold member has 3 bags free. Shall I book 3 bags?");
    scene.prompt("Yes.");
    scene.call("book_stay", &json!({"rate": "flex", "total_bags": 3}), Status::Ok, "done");
    assert!(scene.found("constraint.other-count").is_empty());
}
